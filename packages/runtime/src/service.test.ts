import { BelfryError, defineEvent, defineRequest, type EventData, type RequestInput } from '@belfry/contracts';
import {
  type Logger as BusLogger,
  type MessageContext,
  Publisher,
  type RequestContext,
  Requester,
  type Transport,
} from '@belfry/core';
import { Respond, Subscribe } from '@belfry/handlers';
import { Container, ContainerModule, inject, preDestroy } from 'inversify';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createService, Logger, type ServiceOptions } from './index.js';

const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ orderId: z.string() }) });
type OrderPlaced = EventData<typeof OrderPlaced>;
const PaymentTaken = defineEvent('payments.taken', { schema: z.object({ orderId: z.string() }) });
const QuotePrice = defineRequest('pricing.quote', {
  input: z.object({ sku: z.string() }),
  output: z.object({ cents: z.number() }),
});
type QuotePrice = RequestInput<typeof QuotePrice>;

function deferred<T>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

interface Line {
  level: keyof BusLogger;
  fields: Record<string, unknown>;
  message: string;
}
let lines: Line[];
let seen: string[];
let logger: BusLogger;
let namespace: string;

beforeEach(() => {
  lines = [];
  seen = [];
  namespace = `test-${crypto.randomUUID()}`;
  const write = (level: keyof BusLogger) => (fields: object, message: string) =>
    void lines.push({ level, fields: { ...fields }, message });
  logger = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
});

const service = (options: Partial<ServiceOptions> = {}) =>
  createService({ name: 'billing', url: 'memory:', namespace, logger, env: {}, ...options });

class Billing {
  constructor(
    @inject(Publisher) private readonly publisher: Publisher,
    @inject(Logger) private readonly logger: Logger,
  ) {}

  @Subscribe(OrderPlaced)
  async charge({ orderId }: OrderPlaced) {
    this.logger.info({ orderId }, 'charging');
    await this.publisher.publish(PaymentTaken, { orderId });
  }

  @Subscribe('payments.*', { concurrency: 1 })
  watch() {
    seen.push('watched');
  }
}

describe('a service', () => {
  it('starts its handlers, says what is subscribed, and stops', async () => {
    const billing = service({ handlers: [Billing] });
    expect([billing.status, billing.ready]).toEqual(['created', false]);
    const starting = billing.start();
    expect(billing.status).toBe('starting');
    expect(billing.start()).toBe(starting);
    await starting;
    expect([billing.status, billing.ready]).toEqual(['ready', true]);
    expect(lines.at(-1)).toEqual({
      level: 'info',
      fields: {
        namespace,
        url: 'memory:',
        subscriptions: [
          { contract: 'orders.placed', group: 'billing', handler: 'Billing.charge' },
          { contract: 'payments.*', broadcast: true, handler: 'Billing.watch' },
        ],
        responders: [],
      },
      message:
        'billing is ready. It handles orders.placed → Billing.charge (group billing), payments.* → Billing.watch (broadcast).',
    });

    await billing.bus.publish(OrderPlaced, { orderId: 'o-1' });
    await expect.poll(() => seen).toEqual(['watched']);
    const stopping = billing.stop();
    expect([billing.status, billing.ready]).toEqual(['stopping', false]);
    expect(billing.stop()).toBe(stopping);
    expect(await stopping).toEqual({ abandoned: 0, handedOver: 0 });
    await billing.stopped;
    expect(billing.status).toBe('stopped');
    expect(lines.at(-1)).toMatchObject({
      fields: { durationMs: expect.any(Number), abandoned: 0 },
      message: 'billing has stopped.',
    });
    await expect(billing.bus.publish(OrderPlaced, { orderId: 'o-2' })).rejects.toMatchObject({ code: 'BUS_CLOSED' });
    await expect(billing.start()).rejects.toMatchObject({ code: 'BUS_CLOSED' });
    expect(billing.status).toBe('stopped');
  });

  it('injects the logger; lines of a handler carry the message', async () => {
    await using billing = service({ handlers: [Billing] });
    await billing.start();
    await billing.bus.publish(OrderPlaced, { orderId: 'o-1' }, { correlationId: 'c-1' });
    await expect.poll(() => lines.find(({ message }) => message === 'charging')).toBeDefined();
    expect(lines.find(({ message }) => message === 'charging')?.fields).toEqual({
      orderId: 'o-1',
      correlationId: 'c-1',
      messageId: expect.stringContaining(billing.bus.instance),
    });
    expect(billing.container.get(Logger)).toBe(billing.logger);
    expect(billing.container.get(Publisher)).toBe(billing.bus);
    expect(billing.container.get(Requester)).toBe(billing.bus);
  });

  it('answers requests, says so, and asks with what it injects', async () => {
    class Pricing {
      constructor(@inject(Logger) private readonly logger: Logger) {}
      @Respond(QuotePrice)
      quote({ sku }: QuotePrice) {
        this.logger.info({ sku }, 'quoting');
        return { cents: sku.length };
      }
    }
    class Orders {
      constructor(@inject(Requester) private readonly requester: Requester) {}
      @Subscribe(OrderPlaced)
      async price({ orderId }: OrderPlaced) {
        const { cents } = await this.requester.request(QuotePrice, { sku: orderId });
        seen.push(`${cents} cents`);
      }
    }
    await using pricing = service({ name: 'pricing', handlers: [Pricing] });
    await pricing.start();
    expect(lines.at(-1)).toMatchObject({
      fields: { subscriptions: [], responders: [{ contract: 'pricing.quote', handler: 'Pricing.quote' }] },
      message: 'pricing is ready. It handles pricing.quote → Pricing.quote (responds).',
    });
    await using orders = service({ name: 'orders', handlers: [Orders] });
    await orders.start();
    await orders.bus.publish(OrderPlaced, { orderId: 'o-1' }, { correlationId: 'c-1' });
    await expect.poll(() => seen).toEqual(['3 cents']);
    expect(lines.find(({ message }) => message === 'quoting')?.fields).toMatchObject({
      sku: 'o-1',
      correlationId: 'c-1',
      messageId: expect.stringContaining(orders.bus.instance),
    });
  });

  it('answers what it has taken on before it stops', async () => {
    const gate = deferred<void>();
    const entered = deferred<void>();
    class Slow {
      @Respond(QuotePrice)
      async quote(_: QuotePrice) {
        entered.resolve();
        await gate.promise;
        return { cents: 1 };
      }
    }
    await using caller = service({ name: 'caller' });
    const slow = service({ handlers: [Slow] });
    await Promise.all([caller.start(), slow.start()]);
    const reply = caller.bus.request(QuotePrice, { sku: 'hat' });
    await entered.promise;
    const stopping = slow.stop();
    gate.resolve();
    expect(await reply).toEqual({ cents: 1 });
    expect(await stopping).toEqual({ abandoned: 0, handedOver: 0 });
    await expect(caller.bus.request(QuotePrice, { sku: 'hat' })).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
  });

  it('gives up a request that is not answered in time, aborts its signal and counts it', async () => {
    const entered = deferred<AbortSignal>();
    class Stuck {
      @Respond(QuotePrice)
      quote(_: QuotePrice, { signal }: RequestContext) {
        entered.resolve(signal);
        return new Promise<{ cents: number }>(() => {});
      }
    }
    await using caller = service({ name: 'caller' });
    const stuck = service({ handlers: [Stuck], drainTimeout: 20 });
    await Promise.all([caller.start(), stuck.start()]);
    const refused = expect(caller.bus.request(QuotePrice, { sku: 'hat' })).rejects.toBeInstanceOf(BelfryError);
    const signal = await entered.promise;
    expect(await stuck.stop()).toEqual({ abandoned: 1, handedOver: 0 });
    expect(signal.aborted).toBe(true);
    expect(lines.at(-1)?.message).toBe('billing has stopped, and gave up 1 message.');
    await refused;
  });

  it('loads modules, asynchronous ones too, and a container of yours is its parent', async () => {
    class Ledger {
      constructor(@inject(Publisher) readonly publisher: Publisher) {}
    }
    class Books {
      constructor(
        @inject(Ledger) readonly ledger: Ledger,
        @inject('rate') readonly rate: number,
      ) {}
      @Subscribe(OrderPlaced)
      write() {}
    }
    const container = new Container();
    container.bind(Ledger).toSelf();
    const modules = [
      new ContainerModule(async ({ bind }) => {
        await Promise.resolve();
        bind('rate').toConstantValue(7);
      }),
    ];
    const first = service({ handlers: [Books], modules, container });
    const second = service({ name: 'second', handlers: [Books], modules, container });
    await Promise.all([first.start(), second.start()]);
    expect(first.container.get(Books)).toMatchObject({ rate: 7, ledger: { publisher: first.bus } });
    expect(second.container.get(Books).ledger.publisher).toBe(second.bus);
    await Promise.all([first.stop(), second.stop()]);
    expect(container.isBound(Ledger)).toBe(true);
    expect(container.isBound(Publisher)).toBe(false);
  });

  it('finishes what is in flight before it takes the container apart', async () => {
    const gate = deferred<void>();
    const entered = deferred<void>();
    class Slow {
      constructor(@inject('database') readonly database: { open: boolean }) {}
      @Subscribe(OrderPlaced)
      async handle() {
        entered.resolve();
        await gate.promise;
        seen.push(`finished with the database ${this.database.open ? 'open' : 'closed'}`);
      }
      @preDestroy()
      end() {
        seen.push('handler destroyed');
      }
    }
    const modules = [
      new ContainerModule(({ bind }) => {
        bind('database')
          .toDynamicValue(async () => ({ open: true }))
          .inSingletonScope()
          .onDeactivation(async () => void seen.push('database closed'));
      }),
    ];
    const slow = service({ handlers: [Slow], modules });
    await slow.start();
    await slow.bus.publish(OrderPlaced, { orderId: 'o-1' });
    await entered.promise;
    const stopping = slow.stop();
    expect(seen).toEqual([]);
    gate.resolve();
    expect(await stopping).toEqual({ abandoned: 0, handedOver: 0 });
    expect(seen[0]).toBe('finished with the database open');
    expect(seen.slice(1).sort()).toEqual(['database closed', 'handler destroyed']);
  });

  it('gives up what is not finished in time, aborts its signal and counts it', async () => {
    const entered = deferred<AbortSignal>();
    class Stuck {
      @Subscribe(OrderPlaced)
      handle(_: OrderPlaced, { signal }: MessageContext) {
        entered.resolve(signal);
        return new Promise(() => {});
      }
    }
    const stuck = service({ handlers: [Stuck], drainTimeout: 20 });
    await stuck.start();
    await stuck.bus.publish(OrderPlaced, { orderId: 'o-1' });
    const signal = await entered.promise;
    expect(await stuck.stop()).toEqual({ abandoned: 1, handedOver: 0 });
    expect(signal.aborted).toBe(true);
    expect(lines.at(-1)).toMatchObject({
      level: 'warn',
      fields: { abandoned: 1 },
      message: 'billing has stopped, and gave up 1 message.',
    });
  });

  it('logs a handler that throws, counts it and goes on', async () => {
    class Failing {
      @Subscribe(OrderPlaced)
      handle({ orderId }: OrderPlaced) {
        if (orderId === 'bad') throw new Error('no such customer');
        seen.push(orderId);
      }
    }
    await using failing = service({ handlers: [Failing] });
    await failing.start();
    await failing.bus.publish(OrderPlaced, { orderId: 'bad' });
    await failing.bus.publish(OrderPlaced, { orderId: 'good' });
    await expect.poll(() => seen).toEqual(['good']);
    const error = lines.find(({ level }) => level === 'error');
    expect(error?.fields).toMatchObject({
      group: 'billing',
      messageId: expect.any(String),
      err: { message: 'no such customer' },
    });
    expect(error?.message).toContain('orders.placed');
    expect(failing.bus.subscriptions[0]?.stats).toMatchObject({ handled: 1, failed: 1 });
  });

  it('warns when nobody said where to', async () => {
    await using quiet = service({ url: undefined as never });
    await quiet.start();
    expect(lines[0]).toMatchObject({
      level: 'warn',
      message: expect.stringContaining('messages stay within this process'),
    });
    expect(lines[1]?.message).toBe('billing is ready. It handles nothing.');
  });
});

/** Records what becomes of it. */
const transport =
  (changes: Partial<Transport> = {}) =>
  (): Transport => ({
    unsupported: {},
    publish: async () => ({ broadcast: 0, groups: {} }),
    publishBare: async () => 0,
    ask: async () => undefined,
    send: async () => false,
    listening: async () => new Set(),
    resumedAt: Number.NEGATIVE_INFINITY,
    subscribe: async () => ({ end: async () => void seen.push('ended') }),
    audience: async () => ({ broadcast: 0, groups: {} }),
    bareAudience: async () => 0,
    close: async () => void seen.push('disconnected'),
    ...changes,
  });
const away = () =>
  Promise.reject(Object.assign(new Error('nobody there'), { name: 'BelfryError', code: 'TRANSPORT_UNAVAILABLE' }));

describe('a start that fails', () => {
  const closing = (changes: Partial<Transport>, options: Partial<ServiceOptions> = {}) =>
    service({ url: undefined as never, transport: transport(changes), ...options });
  const modules = () => [
    new ContainerModule(({ bind }) => {
      bind('database')
        .toConstantValue({})
        .onDeactivation(() => void seen.push('database closed'));
    }),
  ];
  class Books {
    constructor(@inject('database') readonly database: object) {}
    @Subscribe(OrderPlaced)
    write() {}
  }

  it('closes everything again and tells why', async () => {
    const failing = closing({ subscribe: away }, { handlers: [Books], modules: modules() });
    await expect(failing.start()).rejects.toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
    expect(seen).toEqual(['disconnected', 'database closed']);
    expect(failing.status).toBe('stopped');
    await failing.stopped;
    expect(lines.filter(({ level }) => level !== 'debug')).toEqual([]);
    await expect(failing.start()).rejects.toMatchObject({ code: 'BUS_CLOSED' });
  });

  it('because nobody answers, also when there is nothing to subscribe', async () => {
    await expect(closing({ audience: away }).start()).rejects.toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
    expect(seen).toEqual(['disconnected']);
  });

  it('but not because the transport takes its time', async () => {
    const asked = deferred<void>();
    const answer = deferred<{ broadcast: number; groups: Record<string, number> }>();
    const timers: { at: number; callback: () => void }[] = [];
    let now = 0;
    const clock = {
      now: () => now,
      after: (milliseconds: number, callback: () => void) => {
        const timer = { at: now + milliseconds, callback };
        timers.push(timer);
        return { cancel: () => void timers.splice(timers.indexOf(timer), 1) };
      },
    };
    const audience = () => {
      asked.resolve();
      return answer.promise;
    };
    const patient = closing({ audience }, { clock });
    const starting = patient.start();
    await asked.promise;
    now += 86_400_000;
    for (const { at, callback } of [...timers]) if (at <= now) callback();
    answer.resolve({ broadcast: 0, groups: {} });
    await starting;
    expect(patient.ready).toBe(true);
    await patient.stop();
  });

  it('because of a module or a handler', async () => {
    const broken = [
      new ContainerModule(async () => {
        throw new Error('no database');
      }),
    ];
    await expect(closing({}, { modules: broken }).start()).rejects.toThrow('no database');
    await expect(closing({}, { handlers: [Books] }).start()).rejects.toMatchObject({ code: 'HANDLER_UNRESOLVED' });
    expect(seen).toEqual(['disconnected', 'disconnected']);
  });

  it('because another service responds to its request', async () => {
    class Pricing {
      @Respond(QuotePrice)
      quote(_: QuotePrice) {
        return { cents: 1 };
      }
    }
    await using first = service({ name: 'pricing', handlers: [Pricing] });
    await first.start();
    await using replica = service({ name: 'pricing', handlers: [Pricing] });
    await replica.start();
    const second = service({ name: 'discounts', handlers: [Pricing] });
    await expect(second.start()).rejects.toMatchObject({ code: 'DUPLICATE_RESPONDER' });
    expect(second.status).toBe('stopped');
  });

  it('because stop() overtook it', async () => {
    const gate = deferred<void>();
    const slow = [new ContainerModule(() => gate.promise)];
    const overtaken = closing({}, { modules: slow });
    const starting = overtaken.start();
    const stopping = overtaken.stop();
    gate.resolve();
    await expect(starting).rejects.toMatchObject({ code: 'BUS_CLOSED' });
    expect(await stopping).toEqual({ abandoned: 0, handedOver: 0 });
    expect(seen).toEqual(['disconnected']);
  });

  it('because it was stopped before', async () => {
    const stopped = closing({});
    await stopped.stop();
    await expect(stopped.start()).rejects.toMatchObject({ code: 'BUS_CLOSED' });
    expect(stopped.status).toBe('stopped');
  });
});

it('tells when something could not be closed', async () => {
  const modules = [
    new ContainerModule(({ bind }) => {
      bind('database')
        .toDynamicValue(() => ({}))
        .inSingletonScope()
        .onDeactivation(() => Promise.reject(new Error('still in use')));
    }),
  ];
  class Books {
    constructor(@inject('database') readonly database: object) {}
    @Subscribe(OrderPlaced)
    write() {}
  }
  const stubborn = service({ modules, handlers: [Books] });
  await stubborn.start();
  await expect(stubborn.stop()).rejects.toThrow();
  expect(stubborn.status).toBe('stopped');
  expect(lines.at(-1)).toMatchObject({
    level: 'error',
    message: 'billing has stopped, but not everything could be closed.',
  });
});

describe('with nobody at the URL', () => {
  const url = 'redis://user:secret@127.0.0.1:1';

  it('fails within 5 s, with a code and without the password', async () => {
    const lost = service({ url, handlers: [Billing] });
    const began = performance.now();
    const error = await lost.start().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
    expect(performance.now() - began).toBeLessThan(6000);
    expect(String(error)).not.toContain('secret');
    expect(lost.status).toBe('stopped');
  });

  it('or waits, says so, and can be stopped', async () => {
    const waiting = service({ url, handlers: [Billing], startup: 'wait' });
    const starting = waiting.start();
    starting.catch(() => {});
    await expect
      .poll(() => lines.filter(({ level }) => level === 'warn' || level === 'error').length)
      .toBeGreaterThan(0);
    expect(waiting.status).toBe('starting');
    await waiting.stop();
    await expect(starting).rejects.toMatchObject({ name: 'BelfryError' });
    expect(JSON.stringify(lines)).not.toContain('secret');
  });
});
