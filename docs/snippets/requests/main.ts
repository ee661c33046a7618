import { BelfryError, createBus, createService } from 'belfry';
import { QuotePrice } from './contracts.js';
import { PriceList, Pricing } from './pricing.js';
import { Bargains, Shop } from './shop.js';

const pricing = createService({ name: 'pricing', handlers: [Pricing, PriceList] });
const shop = createService({ name: 'shop', handlers: [] });
shop.container.bind(Shop).toSelf();
shop.container.bind(Bargains).toSelf();
await Promise.all([pricing.start(), shop.start()]);

const desk = shop.container.get(Shop);
console.log(await desk.priceTag('bell'));
console.log(await desk.priceTag('moon'));
console.log(await shop.container.get(Bargains).firstUpTo(1000));

const { BELFRY_URL: url = 'memory:', BELFRY_NAMESPACE: namespace = 'belfry' } = process.env;
// #region bus
const clocks = createBus({ name: 'clocks', url, namespace });
const visitors = createBus({ name: 'visitors', url, namespace });

// The same without decorators and a container.
await clocks.respond(QuotePrice, ({ sku }) => QuotePrice.error('UNKNOWN_SKU', { sku })).catch(report);

const controller = new AbortController();
const quote = visitors.request(QuotePrice, { sku: 'rope' }, { timeout: '500ms', signal: controller.signal });
console.log(await quote);
// #endregion bus

function report(error: unknown): void {
  console.log(BelfryError.is(error) ? error.code : error);
}

await Promise.all([clocks.close(), visitors.close()]);
await pricing.stop();

await shop.bus.request(QuotePrice, { sku: 'bell' }).catch(report);
await shop.stop();
