import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { uniqueNamespace } from '@belfry/testing';
import {
  type Bus,
  ContainerModule,
  createBus,
  createService,
  memoryTransport,
  NonRetryableError,
  redisTransport,
  silentLogger,
  type TransportFactory,
} from 'belfry';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Billing, Cards } from './billing.js';
import { Board } from './board.js';
import { OrderPlaced, PaymentDue } from './contracts.js';
import { Ledger, PaymentTaken } from './ledger.js';
import { forget, howItStands, tryAgain } from './operations.js';
import { Reminders, Till } from './till.js';

const redisUrl = process.env.BELFRY_TEST_REDIS_URL as string;

/** Somewhere for the services of one test, and what its ledger has booked there. */
interface Place {
  readonly namespace: string;
  readonly transport: TransportFactory;
  balances(): Promise<Record<string, string>>;
}

function inMemory(): Place {
  const namespace = uniqueNamespace();
  const balances: Record<string, string> = {};
  const onCommit = (commands: readonly (readonly string[])[]) => {
    for (const [, , account = '', cents] of commands)
      balances[account] = String(Number(balances[account] ?? 0) + Number(cents));
  };
  const transport = memoryTransport(`memory:${namespace}`, { onCommit });
  return { namespace, transport, balances: async () => balances };
}

function inRedis(): Place {
  const namespace = uniqueNamespace();
  const client = new Redis(redisUrl);
  onTestFinished(() => client.disconnect());
  const balances = () => client.hgetall(`{${namespace}:payments.taken}:balances`);
  return { namespace, transport: redisTransport({ url: redisUrl }), balances };
}

/** Answers by customer; who is not there pays. */
class TestCards extends Cards {
  readonly charged: string[] = [];
  readonly answers: Record<string, () => 'paid' | 'declined' | 'closed'> = {};

  override async charge(customerId: string, cents: number, { idempotencyKey }: { idempotencyKey: string }) {
    this.charged.push(`${idempotencyKey}: ${cents} of ${customerId}`);
    return this.answers[customerId]?.() ?? ('paid' as const);
  }
}

function serviceIn(
  { namespace, transport }: Place,
  name: string,
  handlers: never[] | [typeof Billing | typeof Board | typeof Ledger],
) {
  const cards = new TestCards();
  const modules = [new ContainerModule(({ bind }) => void bind(Cards).toConstantValue(cards))];
  const service = createService({ name, handlers, modules, namespace, transport, logger: silentLogger });
  onTestFinished(async () => void (await service.stop()));
  return { service, cards };
}

function busIn({ namespace, transport }: Place, name: string): Bus {
  const bus = createBus({ name, namespace, transport, logger: silentLogger });
  onTestFinished(async () => void (await bus.close()));
  return bus;
}

/** Waits until a group has done everything but what waits for another attempt. */
const isDone = (bus: Bus, contract: typeof OrderPlaced | typeof PaymentTaken, group: string) =>
  vi.waitUntil(
    async () => {
      const groups = await bus.inspect(contract).groups();
      return groups.some((each) => each.group === group && each.lag === 0 && each.pending === each.retries);
    },
    { timeout: 10_000 },
  );

describe.each([
  ['memory', inMemory],
  ['Redis', inRedis],
])('the snippets about durable events, over %s', (_, place) => {
  it('take an order once, whoever is there, and keep it for who is not', async () => {
    const here = place();
    const { service: billing, cards } = serviceIn(here, 'billing', [Billing]);
    const { service: board } = serviceIn(here, 'board', [Board]);
    const { service: shop } = serviceIn(here, 'shop', []);
    shop.container.bind(Till).toSelf();
    const ledger = busIn(here, 'ledger');
    await ledger.subscribe(OrderPlaced, () => {});
    await ledger.close();
    await Promise.all([billing.start(), board.start(), shop.start()]);

    const till = shop.container.get(Till);
    const order = { orderId: 'o-1', customerId: 'ann', cents: 1250 };
    expect(await till.place(order)).toMatch(/^\d+-\d+$/);
    expect(await till.place(order)).toBe('we have it already');
    expect(await shop.bus.publish(OrderPlaced, { ...order, orderId: 'o-2' }, { id: 'o-2' })).toEqual({
      broadcast: 1,
      groups: { billing: 1, ledger: 0 },
      id: 'o-2',
      entry: expect.stringMatching(/^\d+-\d+$/),
    });
    await isDone(shop.bus, OrderPlaced, 'billing');
    expect(cards.charged).toEqual(['o-1: 1250 of ann', 'o-2: 1250 of ann']);
    await vi.waitUntil(() => board.container.get(Board).orders.length === 2);
    expect(board.container.get(Board).orders).toEqual(['o-1', 'o-2']);

    const late: string[] = [];
    await busIn(here, 'ledger').subscribe(OrderPlaced, ({ orderId }) => void late.push(orderId));
    await vi.waitUntil(() => late.length === 2);
    expect(late).toEqual(['o-1', 'o-2']);
  });

  it('pause, give up, and try again what was given up', async () => {
    const here = place();
    const { service: billing, cards } = serviceIn(here, 'billing', [Billing]);
    await billing.start();
    let isBroken = true;
    cards.answers.bob = () => 'declined';
    cards.answers.carol = () => 'closed';
    cards.answers.dave = () => {
      if (isBroken) throw new NonRetryableError('the terminal is broken');
      return 'paid';
    };
    const bus = busIn(here, 'office');
    for (const customerId of ['bob', 'carol', 'dave'])
      await bus.publish(OrderPlaced, { orderId: `o-${customerId}`, customerId, cents: 100 }, { id: `o-${customerId}` });
    await isDone(bus, OrderPlaced, 'billing');
    const [stands, ...others] = await howItStands(bus);
    expect(stands).toMatch(/^billing: 1 there, 1 to do, the oldest for \d+ ms, 2 given up$/);
    expect(others).toEqual([]);

    isBroken = false;
    expect(await tryAgain(bus)).toEqual([
      'o-bob: HANDLER_FAILED after 1, BelfryError: HANDLER_FAILED: nobody pays o-bob',
      'o-dave: HANDLER_FAILED after 1, BelfryError: HANDLER_FAILED: the terminal is broken',
      '1 tried again, 0 do not fit the contract',
    ]);
    await isDone(bus, OrderPlaced, 'billing');
    expect(cards.charged).toEqual(['o-bob', 'o-carol', 'o-dave', 'o-dave'].map((id) => `${id}: 100 of ${id.slice(2)}`));
    expect(await bus.inspect(OrderPlaced).deadLetters('billing').list()).toEqual([]);

    await billing.stop();
    expect(await forget(bus, 'billing')).toBe(true);
    expect(await howItStands(bus)).toEqual([]);
  });

  it('delay an event, and call it off', async () => {
    const here = place();
    const { service: shop } = serviceIn(here, 'shop', []);
    shop.container.bind(Reminders).toSelf();
    await shop.start();
    const reminders = shop.container.get(Reminders);

    const before = Date.now();
    const due = await reminders.remind('o-1');
    expect(due?.getTime()).toBeGreaterThanOrEqual(before + 14 * 86_400_000);
    expect(await reminders.paid('o-1')).toBe(true);
    expect(await reminders.paid('o-1')).toBe(false);

    const seen: string[] = [];
    await shop.bus.subscribe(PaymentDue, ({ orderId }) => void seen.push(orderId));
    await shop.bus.publish(PaymentDue, { orderId: 'o-2' }, { delay: 20 });
    await vi.waitUntil(() => seen.length === 1, { timeout: 10_000 });
    expect(seen).toEqual(['o-2']);
  });

  it('book a payment together with its acknowledgement, and nothing for one that is given up', async () => {
    const here = place();
    const { service: ledger } = serviceIn(here, 'ledger', [Ledger]);
    await ledger.start();
    const bus = busIn(here, 'office');
    for (const cents of [1250, 0, 250]) await bus.publish(PaymentTaken, { account: 'ann', cents });
    await isDone(bus, PaymentTaken, 'ledger');
    expect(await here.balances()).toEqual({ ann: '1500' });
    expect(await bus.inspect(PaymentTaken).deadLetters('ledger').list()).toMatchObject([
      { code: 'HANDLER_FAILED', attempts: 1, envelope: { data: { account: 'ann', cents: 0 } } },
    ]);
  });
});

it('hand the commands of a commit to a function, in memory', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=@belfry/source', '--import', 'tsx', 'docs/snippets/durable/memory.ts'],
    { env: { ...process.env, TSX_TSCONFIG_PATH: 'tsconfig.tests.json' } },
  );
  expect(stdout.trim()).toBe('HINCRBY balances ann 1250');
});
