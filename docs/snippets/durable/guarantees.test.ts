// What docs/delivery-guarantees.md says of a Redis that breaks, of an answer that is lost, and of an instance that is cut off.
import { type RedisServer, type StartRedisOptions, startProxy, startRedis } from '@belfry/testing';
import { BelfryError, type Bus, createBus, createService, type Logger, redisTransport } from 'belfry';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { OrderPlaced } from './contracts.js';
import { Ledger, PaymentTaken } from './ledger.js';
import { publishForSure } from './publish-for-sure.js';

const patiently = { timeout: 10_000, interval: 5 };

async function redisWith(options: StartRedisOptions): Promise<{ redis: RedisServer; client: Redis }> {
  const redis = await startRedis(options);
  const client = new Redis(redis.url);
  client.on('error', () => {}); // it is killed on purpose
  onTestFinished(async () => {
    client.disconnect();
    await redis.stop();
  });
  return { redis, client };
}

async function proxyTo(redis: RedisServer) {
  const proxy = await startProxy({ url: redis.url });
  onTestFinished(() => proxy.stop());
  return proxy;
}

/** The messages of what is logged from warnings up. */
function recorder(): { lines: string[]; logger: Logger } {
  const lines: string[] = [];
  const keep = (_: object, message: string) => void lines.push(message);
  return { lines, logger: { debug: () => {}, info: () => {}, warn: keep, error: keep } as unknown as Logger };
}

function busOn(url: string, name: string, { logger = recorder().logger, patience = 5000 } = {}): Bus {
  const bus = createBus({ name, transport: redisTransport({ url, patience }), logger });
  onTestFinished(async () => void (await bus.close({ timeout: 100 })));
  return bus;
}

async function ledgerOn(url: string, logger = recorder().logger) {
  const service = createService({ name: 'ledger', handlers: [Ledger], url, logger, drainTimeout: 100 });
  onTestFinished(async () => void (await service.stop()));
  await service.start();
  return service;
}

const balanceOf = (client: Redis, account: string) => client.hget('{belfry:payments.taken}:balances', account);

async function isDone(bus: Bus): Promise<boolean> {
  const groups = await bus.inspect(PaymentTaken).groups();
  return groups.length > 0 && groups.every(({ lag, pending }) => lag + pending === 0);
}

describe('a durable event', () => {
  it('is appended once by who repeats a publish under its id, whatever became of the answers', async () => {
    const { redis, client } = await redisWith({ fresh: true });
    const proxy = await proxyTo(redis);
    const till = busOn(proxy.url, 'till', { patience: 100 });
    const cut = proxy.cutAfterRequest(/o-1/);
    const receipt = publishForSure(till, { orderId: 'o-1', customerId: 'ann', cents: 1250 });
    await cut;
    await proxy.refuse();
    // Away for longer than the publisher's patience: the first publish was told so before this one.
    const other = till.publish(OrderPlaced, { orderId: 'o-2', customerId: 'ann', cents: 1 });
    await expect(other).rejects.toThrow(/^(TRANSPORT_UNAVAILABLE|PUBLISH_UNCONFIRMED)/);
    await proxy.accept();
    expect(await receipt).toMatchObject({ id: 'o-1', duplicate: true });
    expect(await client.xlen('belfry:{belfry:orders.placed}:log')).toBe(1);
  });

  it('survives a Redis that is killed, where it appends to a file, and is booked once', async () => {
    const { redis, client } = await redisWith({ config: { appendonly: 'yes', appendfsync: 'everysec' } });
    await ledgerOn(redis.url);
    const till = busOn(redis.url, 'till');
    let confirmed = 0;
    const pay = async () => {
      await till.publish(PaymentTaken, { account: `a-${confirmed % 5}`, cents: 1 });
      confirmed++;
    };
    while (confirmed < 50) await pay();
    const during = pay();
    await redis.kill('SIGKILL');
    await redis.restart({ empty: false });
    await during;
    while (confirmed < 100) await pay();
    await vi.waitUntil(() => isDone(till), patiently);
    const balances = await Promise.all([0, 1, 2, 3, 4].map((n) => balanceOf(client, `a-${n}`)));
    expect(balances.reduce((sum, balance) => sum + Number(balance), 0)).toBe(confirmed);
  });

  it('is lost with a Redis that keeps nothing; that is logged, and whatever is published from then on is handled', async () => {
    const { redis, client } = await redisWith({ fresh: true });
    const { lines, logger } = recorder();
    const away = busOn(redis.url, 'audit');
    await away.subscribe(PaymentTaken, () => {});
    await away.close();
    await ledgerOn(redis.url, logger);
    const till = busOn(redis.url, 'till');
    await till.publish(PaymentTaken, { account: 'ann', cents: 1 });
    await vi.waitUntil(async () => (await balanceOf(client, 'ann')) === '1', patiently);

    await redis.restart({ empty: true });
    await till.publish(PaymentTaken, { account: 'ann', cents: 5 });
    await vi.waitUntil(async () => (await balanceOf(client, 'ann')) === '5', patiently);
    expect(lines).toContainEqual(expect.stringMatching(/^The log is another one than before: Redis has lost it/));
    const { groups } = await till.publish(PaymentTaken, { account: 'ann', cents: 1 });
    expect(groups, 'nobody works for the other group, so nobody makes it again').toEqual({ ledger: 1 });
  });

  it('is handled again when Redis comes back as it was before, together with what was booked, and holds up nothing', async () => {
    const { redis, client } = await redisWith({ config: { save: '3600 1' } });
    const { lines, logger } = recorder();
    const ledger = busOn(redis.url, 'ledger');
    const booked: number[] = [];
    let isSaved = false;
    await ledger.subscribe(PaymentTaken, async ({ account, cents }, { commit }) => {
      await vi.waitUntil(() => isSaved, patiently);
      await commit(['HINCRBY', '{belfry:payments.taken}:balances', account, cents]);
      booked.push(cents);
    });
    const till = busOn(redis.url, 'till', { logger });
    await till.publish(PaymentTaken, { account: 'ann', cents: 1 });
    await vi.waitUntil(() => ledger.subscriptions[0]?.stats.inFlight === 1, patiently);
    await client.save();
    isSaved = true;
    await till.publish(PaymentTaken, { account: 'ann', cents: 10 });
    await vi.waitUntil(async () => (await balanceOf(client, 'ann')) === '11', patiently);

    await redis.kill('SIGKILL');
    await redis.restart({ empty: false });
    await till.publish(PaymentTaken, { account: 'ann', cents: 100 });
    await vi.waitUntil(() => isDone(till), patiently);
    expect(await balanceOf(client, 'ann')).toBe('101');
    expect(booked).toEqual([1, 10, 1, 100]);
    expect(lines).toContainEqual(expect.stringMatching(/^Redis has lost events that it had confirmed/));
  });

  it('is not said to be lost when only the answers were', async () => {
    const { redis, client } = await redisWith({ fresh: true });
    const proxy = await proxyTo(redis);
    const { lines, logger } = recorder();
    const till = busOn(proxy.url, 'till', { logger });
    const pay = (cents: number) => till.publish(PaymentTaken, { account: 'ann', cents });
    const hasAppended = (count: number) =>
      vi.waitUntil(async () => (await client.xlen('belfry:{belfry:payments.taken}:log')) === count, patiently);
    await pay(1);
    proxy.swallow(true, { direction: 'toClient' });
    const unanswered = [pay(2)];
    await hasAppended(2);
    unanswered.push(pay(3));
    await hasAppended(3);
    proxy.swallow(false);
    proxy.cut();
    await Promise.all(unanswered);
    await pay(4);
    await hasAppended(4);
    expect(lines).toEqual(['Redis is away; trying again until it is back.']);
  });

  it('is booked once, although the answer to its commit was lost', async () => {
    const { redis, client } = await redisWith({ fresh: true });
    const proxy = await proxyTo(redis);
    await ledgerOn(proxy.url);
    const till = busOn(redis.url, 'till');
    const cut = proxy.cutAfterRequest(/HINCRBY/);
    await till.publish(PaymentTaken, { account: 'ann', cents: 7 });
    await cut;
    await vi.waitUntil(() => isDone(till), patiently);
    await till.publish(PaymentTaken, { account: 'ann', cents: 1 });
    await vi.waitUntil(async () => Number(await balanceOf(client, 'ann')) > 7, patiently);
    expect(await balanceOf(client, 'ann')).toBe('8');
  });

  it('goes to another instance when its own is cut off for longer than claimTimeout, which is told so and can commit nothing', async () => {
    const { redis, client } = await redisWith({ fresh: true });
    const proxy = await proxyTo(redis);
    const { lines, logger } = recorder();
    const cutOff = busOn(proxy.url, 'ledger', { logger });
    const outcomes: unknown[] = [];
    let begun = false;
    const claimTimeout = 300;
    const command = ['HINCRBY', '{belfry:payments.taken}:balances', 'ann', 1] as const;
    await cutOff.subscribe(
      PaymentTaken,
      async (_, { signal, commit }) => {
        begun = true;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        outcomes.push(codeOf(signal.reason), codeOf(await commit(command).catch((error: unknown) => error)));
      },
      { claimTimeout },
    );
    await busOn(redis.url, 'till').publish(PaymentTaken, { account: 'ann', cents: 1 });
    await vi.waitUntil(() => begun, patiently);
    await proxy.refuse();
    const attempts: number[] = [];
    const other = busOn(redis.url, 'ledger');
    await other.subscribe(
      PaymentTaken,
      async (_, { attempt, commit }) => {
        attempts.push(attempt);
        await commit(command);
      },
      { claimTimeout },
    );
    await vi.waitUntil(async () => (await balanceOf(client, 'ann')) === '1', patiently);
    await proxy.accept();
    await vi.waitUntil(() => outcomes.length === 2, patiently);
    expect(outcomes).toEqual(['CLAIM_LOST', 'CLAIM_LOST']);
    expect(attempts).toEqual([2]);
    expect(await balanceOf(client, 'ann')).toBe('1');
    expect(cutOff.subscriptions[0]?.stats.durable?.claimsLost).toBe(1);
    expect(lines).toContainEqual(expect.stringMatching(/^Others have taken over what this instance held/));
  });

  it('is refused by a Redis without memory, where what is in the log, and what is due, is handled all the same', async () => {
    const { redis, client } = await redisWith({ fresh: true });
    const till = busOn(redis.url, 'till');
    const shown: string[] = [];
    await busOn(redis.url, 'board').subscribe(OrderPlaced, ({ orderId }) => void shown.push(orderId), {
      broadcast: true,
    });
    const order = (orderId: string) => ({ orderId, customerId: 'ann', cents: 1 });
    const { due } = await till.publish(OrderPlaced, order('delayed'), { delay: '1s' });
    await till.publish(OrderPlaced, order('appended'));
    await client.config('SET', 'maxmemory', '1mb');
    await expect(till.publish(OrderPlaced, order('refused'))).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    await vi.waitUntil(() => shown.length === 2, patiently);
    expect(shown).toEqual(['appended', 'delayed']);
    expect(Date.now()).toBeGreaterThanOrEqual(due?.getTime() ?? Number.POSITIVE_INFINITY);

    await client.config('SET', 'maxmemory', '0');
    await till.publish(OrderPlaced, order('later'));
    await vi.waitUntil(() => shown.length === 3, patiently);
    expect(shown).toEqual(['appended', 'delayed', 'later']);
  });
});

const codeOf = (error: unknown): unknown => (BelfryError.is(error) ? error.code : error);
