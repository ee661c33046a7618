import { inject, Publisher, runService, Subscribe } from 'belfry';
import { OrderPlaced, PaymentTaken } from './contracts.js';

class Shop {
  #sold = 0;

  constructor(@inject(Publisher) private readonly publisher: Publisher) {}

  async sell() {
    const order = `order ${++this.#sold}`;
    const receipt = await this.publisher.publish(OrderPlaced, { order, cents: 1250 });
    console.log(`shop: sells ${order}, received by`, receipt.groups);
  }

  @Subscribe(PaymentTaken)
  ship({ order }: PaymentTaken) {
    console.log(`shop: ships ${order}`);
  }
}

const service = await runService({ name: 'shop', handlers: [Shop] });
const shop = service.container.get(Shop);
const selling = setInterval(() => shop.sell().catch(console.error), 1000);
await service.stopped; // Ctrl+C, or SIGTERM
clearInterval(selling);
