import { BelfryError, defineChannel, defineEvent, type EventData } from '@belfry/contracts';
import { type Bus, createBus, currentContext, type MessageContext, Publisher, silentLogger } from '@belfry/core';
import { Container, inject, injectable, postConstruct } from 'inversify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { bindHandlers, type HandlerClass, MessageScoped, Subscribe } from './index.js';

const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ orderId: z.string() }) });
type OrderPlaced = EventData<typeof OrderPlaced>;
const PaymentTaken = defineEvent('payments.taken', { schema: z.object({ orderId: z.string() }) });
type PaymentTaken = EventData<typeof PaymentTaken>;
const Text = defineChannel('mychannel');

let bus: Bus;
let container: Container;
let seen: string[];

beforeEach(() => {
  bus = createBus({ url: 'memory:', name: 'billing', namespace: `test-${crypto.randomUUID()}`, logger: silentLogger });
  container = new Container();
  seen = [];
});
afterEach(() => bus.close());

/** Every subscription of the bus has handled everything. */
const handled = (count: number) =>
  expect.poll(() => bus.subscriptions.reduce((sum, { stats }) => sum + stats.handled + stats.failed, 0)).toBe(count);

const refusal = async (...handlers: HandlerClass[]): Promise<BelfryError> => {
  const error = await bindHandlers(bus, container, handlers).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BelfryError);
  expect(bus.subscriptions).toHaveLength(0);
  return error as BelfryError;
};

describe('bindHandlers', () => {
  it('calls the decorated methods, on one instance, with data and context', async () => {
    let made = 0;
    class Billing {
      readonly name = `billing-${++made}`;
      @Subscribe(OrderPlaced)
      charge({ orderId }: OrderPlaced, context: MessageContext) {
        seen.push(`${this.name} ${orderId} ${context.type} ${context.group}`);
      }
      @Subscribe(OrderPlaced, { broadcast: true })
      async watch({ orderId }: OrderPlaced) {
        seen.push(`${this.name} saw ${orderId}`);
      }
    }
    const bound = await bindHandlers(bus, container, [Billing]);
    expect(bound).toMatchObject([
      { place: 'Billing.charge', title: 'orders.placed', group: 'billing' },
      { place: 'Billing.watch', title: 'orders.placed', group: undefined },
    ]);
    const receipt = await bus.publish(OrderPlaced, { orderId: 'o-1' });
    expect(receipt.groups).toEqual({ billing: 1 });
    await handled(2);
    expect(seen.sort()).toEqual(['billing-1 o-1 orders.placed billing', 'billing-1 saw o-1']);
    expect(made).toBe(1);
  });

  it('handles a durable event with the same words, and the options of the decorator', async () => {
    const Kept = defineEvent('orders.kept', { schema: z.object({ orderId: z.string() }), guarantee: 'durable' });
    class Billing {
      @Subscribe(Kept, { retry: { attempts: 2, backoff: { delay: 1 } }, claimTimeout: '1m', from: 'start', once: '1h' })
      charge({ orderId }: OrderPlaced, { attempt, group }: MessageContext) {
        seen.push(`${orderId} ${group} ${attempt}`);
        if (attempt === 1) throw new Error('not yet');
      }
      @Subscribe([OrderPlaced, Kept], { group: 'billing.audit' })
      audit(_: OrderPlaced, { type }: MessageContext<typeof OrderPlaced | typeof Kept>) {
        seen.push(`audit ${type}`);
      }
    }
    await bus.publish(Kept, { orderId: 'o-1' }); // before anybody was there
    await bindHandlers(bus, container, [Billing]);
    await bus.publish(OrderPlaced, { orderId: 'o-2' });
    await handled(4);
    expect(seen.sort()).toEqual(['audit orders.kept', 'audit orders.placed', 'o-1 billing 1', 'o-1 billing 2']);
    expect(bus.subscriptions[0]?.stats).toMatchObject({ handled: 1, failed: 1, durable: { retried: 1 } });
  });

  it('subscribes to several contracts, to a pattern and to a bare channel', async () => {
    class Everything {
      @Subscribe([OrderPlaced, PaymentTaken])
      both(_: OrderPlaced | PaymentTaken, { type }: MessageContext<typeof OrderPlaced | typeof PaymentTaken>) {
        seen.push(`both ${type}`);
      }
      @Subscribe('payments.*')
      pattern(data: unknown) {
        seen.push(`pattern ${JSON.stringify(data)}`);
      }
      @Subscribe(Text)
      text(payload: string) {
        seen.push(`text ${payload}`);
      }
    }
    const bound = await bindHandlers(bus, container, [Everything]);
    expect(bound.map(({ title, group }) => [title, group])).toEqual([
      ['orders.placed, payments.taken', 'billing'],
      ['payments.*', undefined],
      ['mychannel', undefined],
    ]);
    await bus.publish(OrderPlaced, { orderId: 'o-1' });
    await bus.publish(PaymentTaken, { orderId: 'o-1' });
    await bus.publish(Text, 'hello');
    await handled(4);
    expect(seen.sort()).toEqual([
      'both orders.placed',
      'both payments.taken',
      'pattern {"orderId":"o-1"}',
      'text hello',
    ]);
  });

  it('injects the publisher; what a handler publishes belongs to the same flow', async () => {
    const contexts: MessageContext[] = [];
    class Billing {
      constructor(@inject(Publisher) private readonly publisher: Publisher) {}
      @Subscribe(OrderPlaced)
      async charge({ orderId }: OrderPlaced, context: MessageContext) {
        contexts.push(context);
        await this.publisher.publish(PaymentTaken, { orderId });
      }
      @Subscribe(PaymentTaken)
      paid(_: PaymentTaken, context: MessageContext) {
        contexts.push(context);
      }
    }
    await bindHandlers(bus, container, [Billing]);
    await bus.publish(OrderPlaced, { orderId: 'o-1' });
    await handled(2);
    const [placed, paid] = contexts;
    expect(paid).toMatchObject({ correlationId: placed?.correlationId, causationId: placed?.messageId });
  });

  it('keeps a publisher that was bound before', async () => {
    class Silent extends Publisher {
      publish = async () => ({ broadcast: 0, groups: {} });
      cancel = async () => false;
    }
    container.bind(Publisher).to(Silent);
    class Billing {
      constructor(@inject(Publisher) readonly publisher: Publisher) {
        seen.push(publisher.constructor.name);
      }
      @Subscribe(OrderPlaced)
      charge() {}
    }
    await bindHandlers(bus, container, [Billing]);
    expect(seen).toEqual(['Silent']);
  });

  it('injects by type where the compiler emits metadata', async () => {
    class Repository {}
    @injectable()
    class Billing {
      constructor(
        private readonly publisher: Publisher,
        private readonly repository: Repository,
      ) {
        seen.push(`${this.publisher === bus} ${this.repository.constructor.name}`);
      }
      @Subscribe(OrderPlaced)
      charge() {}
    }
    class Mixed {
      constructor(
        @inject(Publisher) readonly publisher: Publisher,
        readonly repository: Repository,
      ) {
        seen.push(`${repository.constructor.name}`);
      }
      @Subscribe(PaymentTaken)
      charge() {}
    }
    container.bind(Repository).toSelf();
    await bindHandlers(bus, container, [Billing, Mixed]);
    expect(seen).toEqual(['true Repository', 'Repository']);
  });

  it('uses a class as its author has bound it, with dependencies that come later', async () => {
    class Billing {
      constructor(@inject('ledger') readonly ledger: string) {}
      @Subscribe(OrderPlaced)
      charge() {
        seen.push(this.ledger);
      }
    }
    container.bind(Billing).toSelf().inSingletonScope();
    container.bind('ledger').toDynamicValue(async () => 'opened');
    await bindHandlers(bus, container, [Billing]);
    await bus.publish(OrderPlaced, { orderId: 'o-1' });
    await handled(1);
    expect(seen).toEqual(['opened']);
    expect(container.get(Billing).ledger).toBe('opened');
  });

  it('waits for asynchronous @postConstruct before it subscribes', async () => {
    class Billing {
      #open = false;
      @postConstruct()
      async open() {
        await Promise.resolve();
        this.#open = true;
        seen.push(`subscribed: ${bus.subscriptions.length}`);
      }
      @Subscribe(OrderPlaced)
      charge() {
        seen.push(`open: ${this.#open}`);
      }
    }
    await bindHandlers(bus, container, [Billing]);
    await bus.publish(OrderPlaced, { orderId: 'o-1' });
    await handled(1);
    expect(seen).toEqual(['subscribed: 0', 'open: true']);
  });

  it('serves two services of one process with the same class', async () => {
    class Billing {
      constructor(@inject(Publisher) readonly publisher: Publisher) {}
      @Subscribe(OrderPlaced)
      charge() {
        seen.push(this.publisher === bus ? 'first' : 'second');
      }
    }
    await using other = createBus({ url: 'memory:', name: 'other', namespace: bus.namespace, logger: silentLogger });
    await bindHandlers(bus, container, [Billing]);
    await bindHandlers(other, new Container(), [Billing]);
    await bus.publish(OrderPlaced, { orderId: 'o-1' });
    await expect.poll(() => seen.length).toBe(2);
    expect(seen.sort()).toEqual(['first', 'second']);
  });
});

describe('a subclass', () => {
  abstract class Base {
    constructor(@inject(Publisher) readonly publisher: Publisher) {}
    @Subscribe(OrderPlaced)
    placed(_: OrderPlaced): void {
      seen.push(`base ${this.publisher === bus}`);
    }
    @Subscribe(PaymentTaken, { group: 'base' })
    paid(_: PaymentTaken): void {
      seen.push('base paid');
    }
  }

  it('inherits handlers and the constructor; an override keeps the decoration, a decorated override replaces it', async () => {
    class Derived extends Base {
      override placed(_: OrderPlaced) {
        seen.push(`derived ${this.publisher === bus}`);
      }
      @Subscribe(PaymentTaken, { broadcast: true })
      override paid(_: PaymentTaken) {
        seen.push('derived paid');
      }
    }
    class Leaf extends Derived {}
    const bound = await bindHandlers(bus, container, [Leaf]);
    expect(bound).toMatchObject([
      { place: 'Leaf.placed', group: 'billing' },
      { place: 'Leaf.paid', group: undefined },
    ]);
    await bus.publish(OrderPlaced, { orderId: 'o-1' });
    await bus.publish(PaymentTaken, { orderId: 'o-1' });
    await handled(2);
    expect(seen).toEqual(['derived true', 'derived paid']);
  });

  it('may have a constructor of its own', async () => {
    abstract class Topic {
      constructor(readonly topic: string) {}
      @Subscribe(OrderPlaced)
      placed() {
        seen.push(this.topic);
      }
    }
    class Fixed extends Topic {
      constructor() {
        super('fixed');
      }
    }
    await bindHandlers(bus, container, [Fixed]);
    await bus.publish(OrderPlaced, { orderId: 'o-1' });
    await handled(1);
    expect(seen).toEqual(['fixed']);
  });

  it('is refused when nothing is known about what its base class takes', async () => {
    abstract class Topic {
      constructor(readonly topic: string) {}
      @Subscribe(OrderPlaced)
      placed() {}
    }
    class Loose extends Topic {}
    const error = await refusal(Loose);
    expect(error.code).toBe('HANDLER_UNRESOLVED');
    expect(error.message).toContain('the container cannot make Loose');
    expect(error.message).toContain('the constructor of Topic takes 1 parameter, and says of none what to inject.');
  });
});

describe('a message-scoped class', () => {
  it('is made for each message, with one set of request-scoped dependencies, inside the context of the message', async () => {
    let made = 0;
    class Transaction {
      readonly id = ++made;
      readonly messageId = currentContext()?.messageId;
    }
    class Repository {
      constructor(@inject(Transaction) readonly transaction: Transaction) {}
    }
    @MessageScoped()
    class Billing {
      constructor(
        @inject(Repository) readonly repository: Repository,
        @inject(Transaction) readonly transaction: Transaction,
        @inject('later') readonly later: string,
      ) {}
      @Subscribe(OrderPlaced, { concurrency: 1 })
      charge(_: OrderPlaced, { messageId }: MessageContext) {
        const { repository, transaction, later } = this;
        seen.push(
          `${transaction.id} ${repository.transaction === transaction} ${transaction.messageId === messageId} ${later}`,
        );
      }
    }
    container.bind(Transaction).toSelf().inRequestScope();
    container.bind(Repository).toSelf();
    container.bind('later').toDynamicValue(async () => 'later');
    await bindHandlers(bus, container, [Billing]);
    expect(made).toBe(0);
    await bus.publish(OrderPlaced, { orderId: 'o-1' });
    await bus.publish(OrderPlaced, { orderId: 'o-2' });
    await handled(2);
    expect(seen).toEqual(['1 true true later', '2 true true later']);
  });

  it('counts a message as failed when it cannot be made, and goes on', async () => {
    @MessageScoped()
    class Billing {
      constructor() {
        seen.push('made');
        if (seen.length === 1) throw new Error('not today');
      }
      @Subscribe(OrderPlaced)
      charge() {}
    }
    const [handler] = await bindHandlers(bus, container, [Billing]);
    await bus.publish(OrderPlaced, { orderId: 'o-1' });
    await bus.publish(OrderPlaced, { orderId: 'o-2' });
    await handled(2);
    expect(handler?.subscription.stats).toMatchObject({ handled: 1, failed: 1 });
  });
});

describe('bindHandlers refuses', () => {
  it('a class without a decorated method, a value that is no class, and a static method', async () => {
    class Plain {
      charge() {}
    }
    class Static {
      handle() {}
      static charge() {}
    }
    const decorate = Subscribe(OrderPlaced) as (target: object, name: string, descriptor: object) => void;
    decorate(Static, 'charge', {});
    const error = await refusal(Plain, {} as HandlerClass, Static);
    expect(error.code).toBe('HANDLER_INVALID');
    expect(error.message).toContain('3 mistakes');
    expect(error.message).toContain(
      'Plain handles nothing. Decorate a method with @Subscribe(event) or @Respond(request)',
    );
    expect(error.message).toContain('position 1 is no class');
    expect(error.message).toContain('Static.charge is static');
  });

  it('two handlers of one event in one group, naming both and the fix', async () => {
    class Billing {
      @Subscribe(OrderPlaced)
      charge() {}
    }
    class AuditTrail {
      @Subscribe([PaymentTaken, OrderPlaced])
      record() {}
    }
    const error = await refusal(Billing, AuditTrail);
    expect(error.code).toBe('DUPLICATE_HANDLER');
    expect(error.message).toContain(
      'Billing.charge and AuditTrail.record both handle orders.placed in the group billing',
    );
    expect(error.hint).toBe(
      "Give AuditTrail.record a group of its own, @Subscribe(…, { group: 'billing.audit-trail' }), or let every instance have every event, { broadcast: true }, or do both in one method.",
    );
  });

  it('two methods of one class for one event', async () => {
    class Billing {
      @Subscribe(OrderPlaced)
      charge() {}
      @Subscribe(OrderPlaced, { group: 'billing' })
      logOrder() {}
    }
    expect((await refusal(Billing)).hint).toContain(
      "Give Billing.logOrder a group of its own, @Subscribe(…, { group: 'billing.log-order' })",
    );
  });

  it('but not the same class listed twice, another group, a broadcast or another version', async () => {
    const Second = defineEvent('orders.placed', { version: 2, schema: z.object({}) });
    class Billing {
      @Subscribe(OrderPlaced)
      charge() {}
      @Subscribe(Second)
      second() {}
      @Subscribe(OrderPlaced, { group: 'audit' })
      audit() {}
      @Subscribe(OrderPlaced, { broadcast: true })
      one() {}
      @Subscribe(OrderPlaced, { broadcast: true })
      two() {}
    }
    expect(await bindHandlers(bus, container, [Billing, Billing])).toHaveLength(5);
  });

  it('wrong options and contracts that got past the compiler, all at once and with their places', async () => {
    const loose = Subscribe as unknown as (source: unknown, options?: unknown) => MethodDecorator;
    class Wrong {
      @loose(OrderPlaced, { retries: 3, concurrency: 0 })
      options() {}
      @loose(Text, { group: 'audit' })
      channel() {}
      @loose({ name: 'x' })
      contract() {}
      @loose('Not A Pattern')
      pattern() {}
      @loose([])
      empty() {}
    }
    const error = await refusal(Wrong);
    expect(error.code).toBe('OPTION_INVALID');
    expect(error.message).toContain('5 mistakes');
    expect(error.message).toMatch(/OPTION_INVALID: Wrong\.options: .*"retries" is no option.*concurrency must be/);
    expect(error.message).toMatch(/OPTION_INVALID: Wrong\.channel: .*have no group/);
    expect(error.message).toContain('CONTRACT_INVALID: Wrong.contract: this is no contract');
    expect(error.message).toContain('CONTRACT_INVALID: Wrong.pattern: ');
    expect(error.message).toContain('CONTRACT_INVALID: Wrong.empty: ');
  });

  it('classes that the container cannot make, naming what is missing, before anything is made', async () => {
    class Ledger {}
    class Billing {
      constructor(@inject(Ledger) readonly ledger: Ledger) {}
      @Subscribe(OrderPlaced)
      charge() {}
    }
    @MessageScoped()
    class Audit {
      constructor(@inject('Clock') readonly clock: unknown) {}
      @Subscribe(PaymentTaken)
      record() {}
    }
    class Fine {
      constructor() {
        seen.push('made');
      }
      @Subscribe(OrderPlaced, { group: 'fine' })
      record() {}
    }
    const error = await refusal(Fine, Billing, Audit);
    expect(error.code).toBe('HANDLER_UNRESOLVED');
    expect(error.message).toContain('the container cannot make Billing: No bindings found for service: "Ledger".');
    expect(error.message).toContain('the container cannot make Audit: No bindings found for service: "Clock".');
    expect(seen).toEqual([]);
  });

  it('a constructor that does not say what to inject, with the cure and without the words of inversify', async () => {
    class Ledger {}
    class None {
      constructor(readonly publisher: unknown) {}
      @Subscribe(OrderPlaced)
      charge() {}
    }
    class Some {
      constructor(
        readonly publisher: unknown,
        @inject(Ledger) readonly ledger: Ledger,
      ) {}
      @Subscribe(PaymentTaken)
      charge() {}
    }
    // As tsx and esbuild compile them: without types.
    for (const each of [None, Some]) Reflect.deleteMetadata('design:paramtypes', each);
    container.bind(Ledger).toSelf();
    const error = await refusal(None);
    expect(error.message).toBe(
      'HANDLER_UNRESOLVED: the container cannot make None: the constructor of None takes 1 parameter, and says of none what to inject. Write @inject(Token) before each, for example constructor(@inject(Publisher) private readonly publisher: Publisher). (By type alone works only where tsc emits decorator metadata, not under tsx or esbuild.)',
    );
    expect(error.cause).toMatchObject({ message: expect.stringContaining('unexpected missing metadata') });
    expect((await refusal(Some)).message).toMatch(
      /: the constructor of Some (takes 2 parameters, and does not say of each|does not say of each parameter) what to inject\. Write/,
    );
  });

  it('what is wrong with a class and with what it is made of in one error', async () => {
    const loose = Subscribe as unknown as (source: unknown, options: unknown) => MethodDecorator;
    class Wrong {
      constructor(@inject('nobody') readonly ledger: unknown) {}
      @loose(OrderPlaced, { concurrency: 0 })
      charge() {}
    }
    class Plain {}
    const error = await refusal(Plain, Wrong);
    expect(error.message).toContain('3 mistakes');
    expect(error.message).toContain('Plain handles nothing');
    expect(error.message).toContain('Wrong.charge: ');
    expect(error.message).toContain('the container cannot make Wrong: No bindings found');
  });

  it('a class whose constructor throws', async () => {
    class Billing {
      constructor() {
        throw new Error('no ledger today');
      }
      @Subscribe(OrderPlaced)
      charge() {}
    }
    const error = await refusal(Billing);
    expect(error.code).toBe('HANDLER_UNRESOLVED');
    expect(error.message).toContain('Billing: no ledger today');
  });

  it('an outage once, however many handlers met it, and not in the name of a channel of the transport', async () => {
    const away = (what: string) =>
      new BelfryError('TRANSPORT_UNAVAILABLE', { message: `no answer from Redis, for a subscription to ${what}.` });
    const reasons = [
      new BelfryError('SUBSCRIBE_REFUSED', { message: 'the first was refused.' }),
      away('belfry:{0123456789abcdef}:probe'),
      away('the inbox of belfry:billing/0123456789abcdef'),
      away('orders.placed'),
    ];
    await using lost = createBus({
      transport: () => ({
        unsupported: {},
        publish: async () => ({ broadcast: 0, groups: {} }),
        publishBare: async () => 0,
        ask: async () => undefined,
        send: async () => false,
        listening: async () => new Set(),
        resumedAt: Number.NEGATIVE_INFINITY,
        subscribe: () => Promise.reject(reasons.shift()),
        audience: async () => ({ broadcast: 0, groups: {} }),
        bareAudience: async () => 0,
        close: async () => {},
      }),
    });
    class Billing {
      @Subscribe(OrderPlaced)
      charge() {}
      @Subscribe(PaymentTaken)
      paid() {}
      @Subscribe('orders.*')
      watch() {}
      @Subscribe('payments.*')
      watchPayments() {}
    }
    await expect(bindHandlers(lost, container, [Billing])).rejects.toMatchObject({
      message: 'TRANSPORT_UNAVAILABLE: no answer from Redis, for a subscription to orders.placed.',
    });
  });

  it('options of durable delivery where nothing is durable, all of them in one error', async () => {
    class Billing {
      @Subscribe(OrderPlaced, { retry: { attempts: 3 }, once: '1d' })
      charge() {}
    }
    const { code, message } = await refusal(Billing);
    expect(code).toBe('OPTION_INVALID');
    expect(message).toMatch(/Billing\.charge: .*retry is for durable events.*once is for durable events/);
  });

  it('what the bus refuses, and takes back what it had subscribed', async () => {
    const Durable = defineEvent('orders.kept', { guarantee: 'durable', schema: z.object({}) });
    await using limited = createBus({
      transport: () => ({
        unsupported: { 'durable events': 'Not here.' },
        publish: async () => ({ broadcast: 0, groups: {} }),
        publishBare: async () => 0,
        ask: async () => undefined,
        send: async () => false,
        listening: async () => new Set(),
        resumedAt: Number.NEGATIVE_INFINITY,
        subscribe: async (source) => {
          seen.push(`subscribed ${source.kind}`);
          return { end: async () => void seen.push('ended') };
        },
        audience: async () => ({ broadcast: 0, groups: {} }),
        bareAudience: async () => 0,
        close: async () => {},
      }),
    });
    class Billing {
      @Subscribe(OrderPlaced)
      charge() {}
      @Subscribe(Durable)
      keep() {}
    }
    await expect(bindHandlers(limited, container, [Billing])).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expect(limited.subscriptions).toHaveLength(0);
    expect(seen).toEqual(['subscribed group', 'ended']);
  });
});
