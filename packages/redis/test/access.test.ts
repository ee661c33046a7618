import { type AnyContract, defineChannel, defineEvent, defineRequest } from '@belfry/contracts';
import {
  createBus,
  type SubscribeOptions,
  silentLogger,
  type Usage,
  usageOfEmitting,
  usageOfOperating,
  usageOfPattern,
  usageOfResponding,
  usageOfSubscribing,
} from '@belfry/core';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { toRules } from '../src/access-rules.js';
import { redisTransport } from '../src/index.js';
import { luaTexts } from '../src/lua-texts.js';
import {
  broadcastChannel,
  deadKey,
  frameReadersChannel,
  historyKey,
  inboxChannel,
  logKey,
  mailChannel,
  membersKey,
} from '../src/names.js';
import { type Operation, patternsOf } from '../src/operation.js';
import { runScript, tendScript } from '../src/scripts.js';
import { commonOperations, operationsOf } from '../src/usage-operations.js';
import { Access } from './access-world.js';

// Everything here is done by users who have the generated rights alone.

const schema = z.object({ n: z.number() });
const Placed = defineEvent('orders.placed', { schema });
const Kept = defineEvent('orders.kept', { schema, recover: {} });
const FewKept = defineEvent('orders.few', { schema, recover: { count: 10 } });
const Keyed = defineEvent('orders.keyed', { schema, key: ({ n }) => String(n % 3) });
const Paid = defineEvent('orders.paid', { schema, guarantee: 'durable' });
const PaidInOrder = defineEvent('orders.sorted', { schema, guarantee: 'durable', key: ({ n }) => String(n % 3) });
const Bare = defineChannel('a channel (with [all] sorts* of "letters")', { schema });
const Quote = defineRequest('pricing.quote', { input: schema, output: schema });
const Count = defineRequest('pricing.count', { input: schema, output: schema, stream: true });

const REFUSED = /NOPERM|The user executing the script can't|ACL failure in script/;
const INSTANCE = '0123456789abcdef';

let access: Access;
beforeAll(async () => {
  access = await Access.start();
});
afterAll(async () => access[Symbol.asyncDispose]());

// Who has lost rights loses connections, and would ask again in the next test.
afterEach(() => access.closeAll());

const user = (name: string) => ({ name, namespace: access.namespace });
const channelOf = (contract: AnyContract) =>
  contract.kind === 'channel' ? contract.channel : `${access.namespace}:${contract.channel}`;

/** A bus of a user who may do this, opened. */
async function open(name: string, usages: readonly Usage[], emits: readonly AnyContract[] = []) {
  await access.allow(name, [...emits.map((contract) => usageOfEmitting(contract, user(name))), ...usages]);
  const bus = access.bus(name, { emits });
  await bus.open(usages);
  return bus;
}

type Attempt = [command: string, ...args: string[]];

async function expectRefused(client: Redis, attempts: readonly Attempt[]): Promise<void> {
  for (const [command, ...args] of attempts) {
    await expect(client.call(command, ...args), [command, ...args].join(' ').slice(0, 100)).rejects.toThrow(REFUSED);
  }
}

/** What nobody may who only runs a service. */
const foreign = (channel: string): Attempt[] => [
  ['KEYS', '*'],
  ['SCAN', '0'],
  ['FLUSHALL'],
  ['CONFIG', 'GET', '*'],
  ['ACL', 'LIST'],
  ['CLIENT', 'LIST'],
  ['MONITOR'],
  ['SCRIPT', 'FLUSH'],
  ['PSUBSCRIBE', '*'],
  ['PUBLISH', 'other:orders.placed', '{}'],
  ['SPUBLISH', broadcastChannel('other:orders.placed'), '{}'],
  ['HGETALL', membersKey('other:orders.placed')],
  ['XRANGE', logKey('other:orders.placed'), '-', '+'],
  ['GET', 'secret'],
  ['DEL', membersKey(channel)],
  ['EVAL', "return redis.call('KEYS', '*')", '0'],
  ['EVAL', `return redis.call('DEL', '${membersKey(channel)}')`, '0'],
];

/** What who handles a contract may not. */
const emitting = (channel: string): Attempt[] => [
  ['PUBLISH', channel, '{}'],
  ['PUBLISH', broadcastChannel(channel), '{}'],
  ['SPUBLISH', broadcastChannel(channel), '{}'],
  ['SPUBLISH', inboxChannel(channel, 'other', INSTANCE), '{}'],
  ['XADD', logKey(channel), '*', 'e', '{}'],
  ['XADD', historyKey(channel), '*', 'e', '{}'],
  ['EVAL', luaTexts.publish, '1', membersKey(channel), channel, '1', '0', '', '{}'],
  ['EVAL', luaTexts.append, '1', logKey(channel), INSTANCE, '1', '0', '1000', '', '', '', '', '{}'],
  ['EVAL', luaTexts.replay, '1', logKey(channel), 'handler', '0-1'],
];

/** What who publishes a contract may not. */
const handling = (channel: string): Attempt[] => [
  ['SUBSCRIBE', channel],
  ['SUBSCRIBE', broadcastChannel(channel)],
  ['SUBSCRIBE', frameReadersChannel(channel)],
  ['SSUBSCRIBE', broadcastChannel(channel)],
  ['SSUBSCRIBE', inboxChannel(channel, 'handler', INSTANCE)],
  ['PSUBSCRIBE', `${broadcastChannel(channel)}*`],
  ['XRANGE', logKey(channel), '-', '+'],
  ['XREAD', 'STREAMS', logKey(channel), '0'],
  ['XREADGROUP', 'GROUP', 'handler', 'me', 'STREAMS', logKey(channel), '>'],
  ['XRANGE', historyKey(channel), '-', '+'],
  ['XREVRANGE', historyKey(channel), '+', '-'],
  ['XINFO', 'STREAM', logKey(channel)],
  ['EVAL', luaTexts.history, '1', historyKey(channel), '0-0', '10', '1000'],
  ['EVAL', luaTexts.read, '1', logKey(channel), '0-0', '', '10'],
];

describe('who has the generated rights alone', () => {
  it.each<[string, AnyContract, SubscribeOptions]>([
    ['shares transient events', Placed, {}],
    ['shares transient events by key', Keyed, {}],
    ['shares events that are kept', Kept, {}],
    ['hears transient events', Placed, { broadcast: true }],
    ['hears events that are kept', Kept, { broadcast: true }],
    ['hears events of which few are kept', FewKept, { broadcast: true }],
    ['shares durable events', Paid, { once: '1d' }],
    ['shares durable events in order', PaidInOrder, {}],
    ['hears durable events', Paid, { broadcast: true }],
    ['hears bare payloads', Bare, {}],
  ])('%s, or publishes them, and nothing else', async (_, contract, options) => {
    const group = contract.kind === 'channel' || options.broadcast ? undefined : 'handler';
    const publisher = await open('emitter', [], [contract]);
    const subscriber = await open('handler', [usageOfSubscribing(contract, group, user('handler'))]);
    await access.admin.acl('LOG', 'RESET');
    const got: number[] = [];
    // The compiler knows which options go with which contract; here it is any of them.
    const note = (data: unknown) => void got.push((data as { n: number }).n);
    const subscription = await subscriber.subscribe(contract as typeof Paid, note, options);
    await publisher.ready(contract);
    const publish = (n: number, more?: { delay: number }) => publisher.publish(contract as typeof Paid, { n }, more);
    await publish(0);
    await Promise.all([1, 2, 3, 4, 5].map((n) => publish(n))); // they leave together
    if (contract.guarantee === 'durable') {
      await publish(6, { delay: 300 });
      const { id = '' } = await publish(7, { delay: 60_000 });
      expect(await publisher.cancel(contract as typeof Paid, id)).toBe(true);
    }
    const expected = contract.guarantee === 'durable' ? [0, 1, 2, 3, 4, 5, 6] : [0, 1, 2, 3, 4, 5];
    await vi.waitUntil(() => got.length >= expected.length, { timeout: 10_000 });
    expect([...got].sort()).toEqual(expected);
    await subscription.end();
    // Nothing was refused that is not looked for in vain on every connection.
    expect(new Set((await access.refusals()).map((each) => each.split(' ')[1]))).toEqual(
      new Set(['client|id', 'client|info']),
    );

    const channel = channelOf(contract);
    await expectRefused(access.client('emitter'), [...foreign(channel), ...handling(channel)]);
    await expectRefused(access.client('handler'), [...foreign(channel), ...emitting(channel)]);
  });

  it('hears what a pattern matches, and nothing else', async () => {
    const publisher = await open('emitter', [], [Placed, Paid]);
    const subscriber = await open('handler', [usageOfPattern('orders.*', user('handler'))]);
    const heard: unknown[] = [];
    await subscriber.subscribe('orders.*', (data) => void heard.push(data));
    await publisher.publish(Placed, { n: 1 });
    await publisher.publish(Paid, { n: 2 });
    await vi.waitUntil(() => heard.length === 2);
    const channel = channelOf(Placed);
    await expectRefused(access.client('handler'), [
      ...foreign(channel),
      ...emitting(channel),
      ['PSUBSCRIBE', broadcastChannel(`${access.namespace}:*`)],
      ['SUBSCRIBE', broadcastChannel(channel)],
    ]);
  });

  it('asks, or answers, and nothing else', async () => {
    const answers = [Quote, Count].map((contract) => usageOfResponding(contract, user('handler')));
    const asker = await open('emitter', [], [Quote, Count] as unknown as AnyContract[]);
    const responder = await open('handler', answers);
    await access.admin.acl('LOG', 'RESET');
    await responder.respond(Quote, ({ n }) => ({ n: n + 1 }));
    await responder.respond(Count, async function* ({ n }) {
      for (let i = 0; i < n; i++) yield { n: i };
    });
    await asker.ready(Quote);
    expect(await asker.request(Quote, { n: 1 })).toEqual({ n: 2 });
    expect(await Promise.all([2, 3].map((n) => asker.request(Quote, { n })))).toEqual([{ n: 3 }, { n: 4 }]);
    let last = -1;
    for await (const { n } of asker.request(Count, { n: 2000 })) last = n; // so many that credit must go back
    expect(last).toBe(1999);
    expect(new Set((await access.refusals()).map((each) => each.split(' ')[1]))).toEqual(
      new Set(['client|id', 'client|info']),
    );

    const channel = `${access.namespace}:${Quote.channel}/request`;
    const inboxOf = (service: string) => mailChannel(`${access.namespace}:${service}/${INSTANCE}`);
    await expectRefused(access.client('emitter'), [
      ...foreign(channel),
      ['SSUBSCRIBE', inboxChannel(channel, 'handler', INSTANCE)],
      ['SSUBSCRIBE', inboxOf('handler')],
      ['SPUBLISH', mailChannel(`other:handler/${INSTANCE}`), '{}'],
    ]);
    await expectRefused(access.client('handler'), [
      ...foreign(channel),
      ['SPUBLISH', inboxChannel(channel, 'handler', INSTANCE), '{}'],
      ['SSUBSCRIBE', inboxOf('emitter')],
      ['EVAL', luaTexts.ask, '1', membersKey(channel), channel, '0', '1', '', '{}'],
    ]);
  });

  it('looks after dead letters, and handles nothing', async () => {
    const publisher = await open('emitter', [], [Paid]);
    const subscriber = await open('mender', [usageOfSubscribing(Paid, 'mender', user('mender'))]);
    const operator = await open('operator', [usageOfOperating(Paid, user('operator'))]);
    let isBroken = true;
    const subscription = await subscriber.subscribe(
      Paid,
      () => {
        if (isBroken) throw new Error('not now');
      },
      { retry: { attempts: 1 } },
    );
    await Promise.all([1, 2, 3].map((n) => publisher.publish(Paid, { n })));
    const inspection = operator.inspect(Paid);
    const letters = inspection.deadLetters('mender');
    await vi.waitUntil(async () => (await letters.list()).length >= 3, { timeout: 10_000 });
    isBroken = false;
    const [first, second] = await letters.list();
    expect(await letters.replay(first!.id)).toMatchObject({ replayed: 1 });
    expect(await letters.purge(second!.id)).toBe(1);
    expect(await letters.purge('all')).toBeGreaterThan(0);
    await subscription.end();
    await subscriber.close();
    expect((await inspection.groups()).map(({ group }) => group)).toContain('mender');
    expect(await inspection.removeGroup('mender')).toBe(true);
    const channel = channelOf(Paid);
    await expectRefused(access.client('operator'), [
      ...foreign(channel),
      ['XREADGROUP', 'GROUP', 'mender', 'me', 'STREAMS', logKey(channel), '>'],
      ['PUBLISH', broadcastChannel(channel), '{}'],
    ]);
    await expectRefused(access.client('emitter'), [['XRANGE', deadKey(channel, 'mender'), '-', '+']]);
  });
});

describe('who has also the rights that are left out', () => {
  it('is refused nothing, and hears at once of a flush', async () => {
    const usage = usageOfSubscribing(Placed, 'handler', user('handler'));
    await access.allow(
      'handler',
      [usage],
      [
        ...['+client|id', '+client|tracking', '(+subscribe resetchannels &__redis__:invalidate)'],
        ...['+client|info', '+client|kill'],
      ],
    );
    await access.admin.acl('LOG', 'RESET');
    const transport = redisTransport({ url: access.urlOf('handler'), heartbeat: '1h' });
    const bus = createBus({ name: 'handler', namespace: access.namespace, transport, logger: silentLogger });
    await bus.open([usage]);
    await bus.subscribe(Placed, () => {});
    await access.admin.flushall();
    await vi.waitUntil(async () => (await access.admin.exists(membersKey(channelOf(Placed)))) === 1);
    expect(await access.refusals()).toEqual([]);
    await bus.close();
  });
});

describe('what is left to who publishes', () => {
  it('is to append delayed events, also those of a publisher that is gone', async () => {
    const Delayed = defineEvent('orders.delayed', { schema, guarantee: 'durable' });
    const first = await open('emitter', [], [Delayed]);
    const subscriber = await open('handler', [usageOfSubscribing(Delayed, 'handler', user('handler'))]);
    const got: number[] = [];
    await subscriber.subscribe(Delayed, ({ n }) => void got.push(n));
    await first.publish(Delayed, { n: 1 }, { delay: 100 });
    await first.close();
    const next = () => access.admin.zrange(`belfry:{${channelOf(Delayed)}}:later`, '0', '0', 'WITHSCORES');
    const [, due] = await next();
    await vi.waitUntil(async () => {
      const [seconds, micros] = await access.admin.time();
      return Number(seconds) * 1000 + Number(micros) / 1000 > Number(due) + 50;
    });
    expect(got).toEqual([]); // the subscriber has looked, and may not
    expect(await next()).toHaveLength(2);
    await access.bus('emitter', { emits: [Delayed] }).open();
    await vi.waitUntil(() => got.length === 1);
  });

  it('is to trim the log without reading it: nothing that a group has not done with', async () => {
    const Trimmed = defineEvent('orders.trimmed', { schema, guarantee: 'durable' });
    await open('emitter', [], [Trimmed]);
    const [log, { admin }] = [logKey(channelOf(Trimmed)), access];
    const ids: string[] = [];
    for (let n = 1; n <= 1000; n++) ids.push(String(await admin.xadd(log, '*', 'e', '{}', 'n', `${n}`)));
    await admin.hset(`belfry:{${channelOf(Trimmed)}}:about`, 'count', 1000, 'epoch', '1');
    await admin.xgroup('CREATE', log, 'slow', '0');
    await admin.xreadgroup('GROUP', 'slow', 'me', 'COUNT', 600, 'STREAMS', log, '>');
    const tend = () => runScript(access.client('emitter'), tendScript, [log], ['0', '1']);
    const first = async () => (await admin.xrange(log, '-', '+', 'COUNT', 1))[0]?.[0];
    await admin.xack(log, 'slow', ...ids.slice(0, 300));
    const report = (await tend()) as unknown[];
    expect([report[0], report[3]]).toEqual(['slow', 300]);
    const floor = await first();
    expect(floor! > ids[0]!).toBe(true);
    expect(ids.indexOf(floor!)).toBeLessThanOrEqual(300);
    await admin.xack(log, 'slow', ...ids.slice(300, 600));
    await tend();
    expect(ids.indexOf((await first())!)).toBeGreaterThan(300);
    expect(ids.indexOf((await first())!)).toBeLessThanOrEqual(600);
  });

  it('is to begin a history anew that it may not read', async () => {
    const publisher = await open('emitter', [], [Kept]);
    await publisher.publish(Kept, { n: 1 });
    const history = historyKey(channelOf(Kept));
    await access.admin.del(`${history}:marks`); // as a release wrote it that knew no marks
    await publisher.publish(Kept, { n: 2 });
    expect(await access.admin.xlen(history)).toBe(1);
    await publisher.publish(Kept, { n: 3 });
    expect(await access.admin.xlen(history)).toBe(2);
  });
});

describe('a right that is missing', () => {
  const kinds: [string, (namespace: string) => Usage][] = [
    ['publishing', (at) => ({ kind: 'publish', channel: `${at}:a`, recovered: false, public: true })],
    ['publishing what is kept', (at) => ({ kind: 'publish', channel: `${at}:a`, recovered: true, public: false })],
    ['appending', (at) => ({ kind: 'append', channel: `${at}:a` })],
    ['publishing payloads', () => ({ kind: 'publishBare', channel: 'an [odd] channel' })],
    ['asking', (namespace) => ({ kind: 'ask', channel: `${namespace}:a/request`, namespace, service: 'limited' })],
    ['sharing', (at) => ({ kind: 'share', channel: `${at}:a`, group: 'limited' })],
    ['hearing', (at) => ({ kind: 'hear', channel: `${at}:a`, recovered: true })],
    ['hearing a pattern', (at) => ({ kind: 'hearPattern', pattern: `${at}:a.*` })],
    ['hearing payloads', () => ({ kind: 'hearBare', channel: 'an [odd] channel' })],
    ['working', (at) => ({ kind: 'work', channel: `${at}:a`, group: 'limited' })],
    ['reading', (at) => ({ kind: 'read', channel: `${at}:a` })],
    [
      'responding',
      (namespace) => ({ kind: 'respond', channel: `${namespace}:a/request`, namespace, service: 'limited' }),
    ],
    ['operating', (at) => ({ kind: 'operate', channel: `${at}:a` })],
  ];

  it.each(kinds)(
    'for %s is named at the start, each of them, with what adds it',
    async (_, usageIn) => {
      const usage = usageIn(access.namespace);
      const all = [...commonOperations({}), ...operationsOf(usage, {})];
      const runsScripts = all.some(({ command }) => command === 'evalsha');
      const needed = new Map<string, { command: string; pattern: string | undefined }>();
      for (const operation of all) {
        if (operation.optional) continue;
        // Whoever may run a script with keys may run one without.
        if (operation.command === 'eval' && operation.keys === undefined && runsScripts) continue;
        const [...patterns]: (string | undefined)[] = patternsOf(operation);
        for (const pattern of patterns.length === 0 ? [undefined] : patterns)
          needed.set(`${operation.command} ${pattern}`, { command: operation.command, pattern });
      }
      await access.allow('limited', []);
      const bus = access.bus('limited');
      const grant = (operations: readonly Operation[]) =>
        access.admin.acl('SETUSER', 'limited', 'clearselectors', '-@all', ...toRules(operations));
      for (const { command, pattern } of needed.values()) {
        // Another rule may have a pattern that covers it: state:* and state:limited.
        const covers = (other: string) =>
          other === pattern || (other.includes('*') && pattern?.startsWith(other.slice(0, other.indexOf('*'))));
        const isIt = (operation: Operation) =>
          operation.command === command &&
          (pattern === undefined ? patternsOf(operation).length === 0 : patternsOf(operation).some(covers));
        await grant(all.filter((operation) => !isIt(operation)));
        const error = await bus.open([usage]).then(
          () => undefined,
          (reason: unknown) => reason as Error & { code: string; hint: string },
        );
        expect(error, `${command} ${pattern}`).toMatchObject({ code: 'RIGHTS_MISSING' });
        const lines = error!.message.split('\n').filter((line) => line.startsWith('- '));
        expect(
          lines.some((line) => `${line.replace(',', ' ')} `.includes(`+${command} `)),
          error!.message,
        ).toBe(true);
        if (pattern !== undefined) expect(error!.message).toContain(pattern);
        // What it prints mends it.
        const mending = error!.hint.slice(error!.hint.indexOf('ACL SETUSER limited ') + 'ACL SETUSER limited '.length);
        await access.admin.acl('SETUSER', 'limited', ...mending.split(' '));
        await bus.open([usage]);
      }
    },
    60_000,
  );

  it('is told at the start of whoever has none', async () => {
    await access.admin.acl('SETUSER', 'limited', 'reset', 'on', '>wonderful');
    const began = performance.now();
    await expect(access.bus('limited').open()).rejects.toMatchObject({
      code: 'RIGHTS_MISSING',
      message: expect.stringContaining('- +eval, for every connection'),
    });
    expect(performance.now() - began).toBeLessThan(1000);
  });

  it('and is given back later is used again: what stood before stands again', async () => {
    const [placed, kept] = [Placed, Kept].map((contract) => usageOfSubscribing(contract, 'handler', user('handler')));
    const usages = [placed!, kept!];
    const publisher = await open('emitter', [], [Placed]);
    const subscriber = await open('handler', usages);
    const got: number[] = [];
    await subscriber.subscribe(Placed, ({ n }) => void got.push(n));
    await subscriber.subscribe(Kept, () => {});
    const receivers = async (contract: AnyContract) => {
      const glob = inboxChannel(channelOf(contract), 'handler', '*').replace(/[{}]/g, '?');
      return ((await access.admin.call('PUBSUB', 'SHARDCHANNELS', glob)) as string[]).length;
    };
    expect(await receivers(Placed)).toBe(1);
    await access.allow('handler', [kept!]); // Redis ends its subscriber connection
    await vi.waitUntil(async () => (await receivers(Kept)) === 1 && (await receivers(Placed)) === 0, { timeout: 5000 });
    await access.allow('handler', usages);
    await vi.waitUntil(async () => (await receivers(Placed)) === 1, { timeout: 5000 });
    await vi.waitUntil(async () => (await publisher.publish(Placed, { n: 1 })).groups.handler === 1, { timeout: 5000 });
    await vi.waitUntil(() => got.length > 0);
  });

  it('is named when it is needed, too, where nobody has asked before', async () => {
    const usage = usageOfEmitting(Placed, user('limited'));
    await access.allow('limited', [usage]);
    const bus = access.bus('limited');
    await bus.publish(Placed, { n: 1 });
    const all = [...commonOperations({}), ...operationsOf(usage, {})];
    const rules = toRules(all.filter(({ channels }) => channels?.[0] !== channelOf(Placed)));
    await access.admin.acl('SETUSER', 'limited', 'clearselectors', '-@all', ...rules);
    await expect(bus.publish(Placed, { n: 2 })).rejects.toMatchObject({
      code: 'PUBLISH_REFUSED',
      hint: expect.stringContaining(`(+publish resetchannels &${channelOf(Placed)})`),
    });
    await expect(bus.publish(Bare, { n: 2 })).rejects.toMatchObject({
      hint: expect.stringMatching(/\(\+publish &a\?/),
    });
    await expect(bus.subscribe('orders.*', () => {})).rejects.toMatchObject({
      code: 'SUBSCRIBE_REFUSED',
      hint: expect.stringContaining(`(+psubscribe &belfry:{${access.namespace}:orders.*}:all)`),
    });
  });
});
