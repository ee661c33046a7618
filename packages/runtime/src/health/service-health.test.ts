import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { defineEvent, defineRequest, type EventData, RetryLaterError, type RequestInput } from '@belfry/contracts';
import type { Middleware } from '@belfry/core';
import { Respond, Subscribe } from '@belfry/handlers';
import { startProxy, uniqueNamespace } from '@belfry/testing';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { createService, type Service, type ServiceOptions } from '../index.js';

const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ order: z.string() }) });
type OrderPlaced = EventData<typeof OrderPlaced>;
const PaymentTaken = defineEvent('payments.taken', { schema: z.object({ order: z.string() }), guarantee: 'durable' });
type PaymentTaken = EventData<typeof PaymentTaken>;
const QuotePrice = defineRequest('pricing.quote', {
  input: z.object({ sku: z.string() }),
  output: z.object({ cents: z.number() }),
  errors: { UNKNOWN_SKU: null },
});
const ListPrices = defineRequest('pricing.list', { input: z.null(), output: z.number(), stream: true });

let messages: string[];
let namespace: string;
let held: Promise<void>;
let release: () => void;

beforeEach(() => {
  messages = [];
  namespace = uniqueNamespace();
  held = new Promise((resolve) => {
    release = resolve;
  });
});

class Billing {
  @Subscribe(OrderPlaced)
  async charge({ order }: OrderPlaced) {
    if (order === 'slow') await held;
    if (order === 'bad') throw new Error('it is bad');
  }

  @Subscribe(PaymentTaken, { retry: { attempts: 2, backoff: { delay: 1 } } })
  book({ order }: PaymentTaken) {
    if (order === 'bad') throw new Error('it is bad');
    if (order === 'later') throw new RetryLaterError('1h');
  }

  @Subscribe('orders.*')
  watch() {}

  @Respond(QuotePrice)
  quote({ sku }: RequestInput<typeof QuotePrice>) {
    if (sku === 'none') throw QuotePrice.error('UNKNOWN_SKU');
    if (sku === 'bad') throw new Error('it is bad');
    return { cents: 1 };
  }

  @Respond(ListPrices)
  async *list() {
    yield 1;
  }
}

function service(options: Partial<ServiceOptions> = {}): Service {
  const log = (_fields: object, message: string) => void messages.push(message);
  const made = createService({
    name: 'billing',
    handlers: [Billing],
    url: 'memory:',
    namespace,
    logger: { debug: log, info: log, warn: log, error: log },
    env: {},
    health: { port: 0, host: '127.0.0.1' },
    ...options,
  });
  onTestFinished(async () => {
    release();
    await made.stop();
  });
  return made;
}

async function readiness(url: string | undefined): Promise<unknown> {
  const response = await fetch(`${url}/health/ready`).catch(() => undefined);
  if (response === undefined) return 'nobody answers';
  const { reason } = (await response.json()) as { reason?: string };
  return response.status === 200 ? 'ready' : reason;
}

/** The figures by their names and labels, without those of the service. */
async function metricsOf(url: string | undefined): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    samples.map((line) => {
      const at = line.lastIndexOf(' ');
      const name = line
        .slice(0, at)
        .replace(/service="billing",|,?service="billing"/, '')
        .replace('{}', '');
      return [name, Number(line.slice(at + 1))];
    }),
  );
}

describe('health', () => {
  it('is not served unless it was asked for', async () => {
    const billing = service({ health: undefined as never });
    await billing.start();
    expect(billing.healthUrl).toBeUndefined();
  });

  it('takes its port from the environment', async () => {
    const billing = service({ health: { host: '127.0.0.1' }, env: { BELFRY_HEALTH_PORT: '0' } });
    await billing.start();
    expect(await readiness(billing.healthUrl)).toBe('ready');
  });

  it('says that a service starts, before anything is subscribed', async () => {
    const proxy = await startProxy({ url: process.env.BELFRY_TEST_REDIS_URL as string });
    onTestFinished(() => proxy.stop());
    await proxy.refuse();
    const billing = service({ url: proxy.url, startup: 'wait' });
    const starting = billing.start();
    await expect.poll(() => billing.healthUrl).toBeDefined();
    expect(await readiness(billing.healthUrl)).toBe('starting');
    expect(await metricsOf(billing.healthUrl)).toMatchObject({ belfry_ready: 0 });
    await proxy.accept();
    await starting;
    expect(await readiness(billing.healthUrl)).toBe('ready');
  });

  it('says that it is not ready while Redis is away, and scrapes do not wait for it', async () => {
    const proxy = await startProxy({ url: process.env.BELFRY_TEST_REDIS_URL as string });
    onTestFinished(() => proxy.stop());
    const billing = service({ url: proxy.url });
    await billing.start();
    expect(await readiness(billing.healthUrl)).toBe('ready');
    await proxy.refuse();
    proxy.cut();
    await expect.poll(() => readiness(billing.healthUrl)).toBe('interrupted');
    const began = performance.now();
    expect(await metricsOf(billing.healthUrl)).toMatchObject({
      belfry_ready: 0,
      'belfry_bus_status{status="connected"}': 0,
      'belfry_bus_status{status="interrupted"}': 1,
      belfry_bus_interruptions_total: 1,
    });
    expect(performance.now() - began).toBeLessThan(3000);
    await proxy.accept();
    await expect.poll(() => readiness(billing.healthUrl), { timeout: 10_000 }).toBe('ready');
    const after = await metricsOf(billing.healthUrl);
    expect(after).toMatchObject({ belfry_ready: 1, 'belfry_bus_status{status="connected"}': 1 });
    expect(after.belfry_bus_outage_seconds_total).toBeGreaterThan(0);
  });

  it('says at once that a service drains, until that is done', async () => {
    const billing = service();
    await billing.start();
    const url = billing.healthUrl;
    await billing.bus.publish(OrderPlaced, { order: 'slow' });
    await expect.poll(() => billing.bus.subscriptions.reduce((sum, { stats }) => sum + stats.inFlight, 0)).toBe(1);
    const stopping = billing.stop();
    expect(billing.ready).toBe(false);
    expect(await readiness(url)).toBe('draining');
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    expect(await metricsOf(url)).toMatchObject({
      belfry_ready: 0,
      'belfry_messages_in_flight{contract="orders.placed",group="billing"}': 1,
      'belfry_messages_handled_total{contract="orders.*",group=""}': 1, // has ended
    });
    release();
    await stopping;
    await expect(fetch(`${url}/health/live`)).rejects.toThrow();
    expect(billing.healthUrl).toBeUndefined();
  });

  it('says that the bus was closed by hand', async () => {
    const billing = service();
    await billing.start();
    await billing.bus.close();
    expect(billing.ready).toBe(false);
    expect(await readiness(billing.healthUrl)).toBe('closed');
  });

  it('ends a start whose port is in use, before anything is subscribed', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const billing = service({ health: { port, host: '127.0.0.1' } });
    await expect(billing.start()).rejects.toMatchObject({ code: 'HEALTH_PORT_UNAVAILABLE' });
    expect(billing.status).toBe('stopped');
    expect(billing.bus.subscriptions).toEqual([]);
  });

  it('leaves no port behind when the start fails', async () => {
    class Broken {
      constructor() {
        throw new Error('it cannot be made');
      }
      @Subscribe(OrderPlaced)
      charge() {}
    }
    const other = service();
    await other.start();
    const { port } = new URL(other.healthUrl as string);
    await other.stop();
    const billing = service({ handlers: [Broken], health: { port: Number(port), host: '127.0.0.1' } });
    await expect(billing.start()).rejects.toMatchObject({ code: 'HANDLER_UNRESOLVED' });
    expect(billing.healthUrl).toBeUndefined();
    await service({ health: { port: Number(port), host: '127.0.0.1' } }).start();
  });

  it('serves each of several services in one process by itself', async () => {
    const [billing, shop] = [service(), service({ name: 'shop', handlers: [] })];
    await Promise.all([billing.start(), shop.start()]);
    await shop.bus.publish(OrderPlaced, { order: 'o-1' });
    const text = await (await fetch(`${shop.healthUrl}/metrics`)).text();
    expect(text).toContain('belfry_publishes_total{contract="orders.placed",outcome="published",service="shop"} 1');
    expect(text).not.toContain('service="billing"');
  });
});

describe('metrics', () => {
  it('say what became of the messages, by contract and group', async () => {
    const billing = service();
    await billing.start();
    const { bus } = billing;
    await bus.publish(OrderPlaced, { order: 'o-1' });
    await bus.publish(OrderPlaced, { order: 'bad' });
    await bus.publish(PaymentTaken, { order: 'bad' });
    await bus.publish(PaymentTaken, { order: 'o-1' });
    await expect
      .poll(() => metricsOf(billing.healthUrl))
      .toMatchObject({
        'belfry_messages_received_total{contract="orders.placed",group="billing"}': 2,
        'belfry_messages_handled_total{contract="orders.placed",group="billing"}': 1,
        'belfry_messages_failed_total{contract="orders.placed",group="billing"}': 1,
        'belfry_messages_dropped_total{contract="orders.placed",group="billing"}': 0,
        'belfry_messages_missed_total{contract="orders.placed",group="billing"}': 0,
        'belfry_messages_rejected_total{contract="orders.placed",group="billing",reason="unreadable"}': 0,
        'belfry_messages_queued{contract="orders.placed",group="billing"}': 0,
        'belfry_messages_handled_total{contract="orders.*",group=""}': 2,
        'belfry_messages_handled_total{contract="payments.taken",group="billing"}': 1,
        'belfry_messages_failed_total{contract="payments.taken",group="billing"}': 2,
        'belfry_messages_retried_total{contract="payments.taken",group="billing"}': 1,
        'belfry_messages_dead_lettered_total{contract="payments.taken",group="billing"}': 1,
        'belfry_handling_seconds_count{contract="orders.placed",group="billing",outcome="handled"}': 1,
        'belfry_handling_seconds_count{contract="orders.placed",group="billing",outcome="failed"}': 1,
        'belfry_handling_seconds_count{contract="(pattern)",group="",outcome="handled"}': 2,
        'belfry_publishes_total{contract="payments.taken",outcome="published"}': 2,
      });
    const metrics = await metricsOf(billing.healthUrl);
    expect(metrics).not.toHaveProperty('belfry_messages_retried_total{contract="orders.placed",group="billing"}');
  });

  it('say what became of publishes and requests', async () => {
    const refuse: Middleware = (call, next) =>
      call.side === 'publish' && (call.data as { order: string }).order === 'refused'
        ? Promise.reject(new Error('by a middleware'))
        : next();
    const billing = service({ middleware: [refuse] });
    const audit = service({ name: 'audit', handlers: [Billing].slice(1) });
    await Promise.all([billing.start(), audit.start()]);
    const { bus } = billing;
    const away = await audit.bus.subscribe(OrderPlaced, () => {});
    await away.end();
    await bus.publish(OrderPlaced, { order: 'o-1' });
    await bus.publish(OrderPlaced, { order: 1 as never }).catch(() => {});
    await bus.publish(OrderPlaced, { order: 'refused' }).catch(() => {});
    await bus.request(QuotePrice, { sku: 'bell' });
    await bus.request(QuotePrice, { sku: 'none' }).catch(() => {});
    await bus.request(QuotePrice, { sku: 'bad' }).catch(() => {});
    for await (const price of bus.request(ListPrices, null)) expect(price).toBe(1);
    const metrics = await metricsOf(billing.healthUrl);
    expect(metrics).toMatchObject({
      'belfry_publishes_total{contract="orders.placed",outcome="unreceived"}': 1,
      'belfry_publishes_total{contract="orders.placed",outcome="PAYLOAD_INVALID"}': 1,
      'belfry_publishes_total{contract="orders.placed",outcome="ERROR"}': 1,
      'belfry_request_seconds_count{contract="pricing.quote",outcome="answered"}': 2,
      'belfry_request_seconds_count{contract="pricing.quote",outcome="HANDLER_FAILED"}': 1,
      'belfry_handling_seconds_count{contract="pricing.quote",group="billing",outcome="handled"}': 2,
      'belfry_handling_seconds_count{contract="pricing.quote",group="billing",outcome="failed"}': 1,
      'belfry_messages_handled_total{contract="pricing.quote",group="billing"}': 2,
      'belfry_messages_handled_total{contract="pricing.list",group="billing"}': 1,
      belfry_requests_asked_total: 4,
      belfry_requests_answered_total: 3,
      belfry_requests_failed_total: 1,
      belfry_requests_in_flight: 0,
    });
    expect(Object.keys(metrics).filter((name) => /_seconds_.*pricing\.list/.test(name))).toEqual([]);
  });

  it.each(['memory:', process.env.BELFRY_TEST_REDIS_URL as string])(
    'say how the groups of durable events stand, over %s',
    async (url) => {
      const billing = service({ url });
      await billing.start();
      await billing.bus.publish(PaymentTaken, { order: 'later' });
      await billing.bus.publish(PaymentTaken, { order: 'bad' });
      await expect
        .poll(() => billing.bus.subscriptions.reduce((sum, { stats }) => sum + (stats.durable?.deadLettered ?? 0), 0))
        .toBe(1);
      const metrics = await metricsOf(billing.healthUrl);
      const labels = '{contract="payments.taken",group="billing"}';
      expect(metrics).toMatchObject({
        [`belfry_group_lag${labels}`]: 0,
        [`belfry_group_pending${labels}`]: 1,
        [`belfry_group_retries${labels}`]: 1,
        [`belfry_group_dead_letters${labels}`]: 1,
        [`belfry_group_members${labels}`]: 1,
      });
      expect(metrics[`belfry_group_oldest_seconds${labels}`]).toBeGreaterThan(0);
    },
  );

  it('have room for those of the service, and survive theirs', async () => {
    let mine: () => string = () => 'orders_total 7\n';
    const billing = service({ health: { port: 0, host: '127.0.0.1', metrics: () => mine() } });
    await billing.start();
    expect(await metricsOf(billing.healthUrl)).toMatchObject({ orders_total: 7, belfry_ready: 1 });
    mine = () => {
      throw new Error('not now');
    };
    expect(await metricsOf(billing.healthUrl)).toMatchObject({ belfry_ready: 1 });
    expect(messages).toContain('The metrics that billing adds itself could not be had.');
  });

  it('never show what is in a message', async () => {
    const billing = service();
    await billing.start();
    await billing.bus
      .publish(OrderPlaced, { order: 'secret' }, { key: 'secret', id: undefined as never })
      .catch(() => {});
    await billing.bus.publish(OrderPlaced, { order: 'bad' });
    await billing.bus.request(QuotePrice, { sku: 'secret' });
    const text = await (await fetch(`${billing.healthUrl}/metrics`)).text();
    expect(text).not.toMatch(/secret|it is bad/);
  });
});
