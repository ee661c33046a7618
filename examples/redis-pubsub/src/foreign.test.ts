import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findRedisCli, type RedisServer, startRedis } from '@belfry/testing';
import { type Bus, createBus, type Receipt } from 'belfry';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Program } from '../test/program.js';
import { findPython, type Python } from '../test/python.js';
import { MyChannel, OrderPlaced, OrderShipped } from './contracts.js';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** What the built package exports as `@belfry/redis/lua/publish.lua`. */
const publishLua = here('../../../packages/redis/src/lua/publish.lua');
const appendLua = here('../../../packages/redis/src/lua/append.lua');
const range = (count: number) => Array.from({ length: count }, (_, n) => n);

// The programs say mychannel and belfry:orders.placed, as a reader would: so nobody else may be on their Redis.
let redis: RedisServer;
let service: Program;
const folder = mkdtempSync(join(tmpdir(), 'belfry-redis-cli-'));
let shellEnv: NodeJS.ProcessEnv;

beforeAll(async () => {
  redis = await startRedis({ fresh: true });
  const cli = await findRedisCli();
  // Lets the shell files say `redis-cli`, without the address of this Redis.
  writeFileSync(join(folder, 'redis-cli'), `#!/bin/sh\nexec '${cli.command}' -u '${redis.url}' "$@"\n`);
  chmodSync(join(folder, 'redis-cli'), 0o755);
  shellEnv = { ...cli.env, PATH: `${folder}${delimiter}${cli.env.PATH}` };

  const { BELFRY_URL: _, BELFRY_NAMESPACE: __, ...env } = process.env;
  const node = ['--conditions=@belfry/source', '--import', 'tsx', 'src/main.ts'];
  // In the example's folder, where tsx finds the tsconfig.json that allows parameter decorators.
  service = new Program(process.execPath, node, { ...env, REDIS_URL: redis.url, LOG_LEVEL: 'info' }, here('..'));
  await service.line(/shop is ready/);
});

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  await redis?.stop();
  rmSync(folder, { recursive: true });
});

beforeEach(() => void service.lines.splice(0));

const shell = (file: string, ...args: string[]) => new Program('sh', [here(`../shell/${file}`), ...args], shellEnv);
const redisCli = (...args: string[]) => new Program(join(folder, 'redis-cli'), args, shellEnv);

function startBus(name: string): Bus {
  const bus = createBus({ name, url: redis.url });
  onTestFinished(async () => void (await bus.close()));
  return bus;
}

/** What the members of two groups and a broadcast subscriber handle, in the order in which they do. */
interface Handled {
  readonly by: string;
  readonly orderId: string;
  readonly customerId: string;
}

async function startHandlers(): Promise<{ handled: Handled[]; drain(): Promise<void> }> {
  const handled: Handled[] = [];
  const buses = ['billing', 'billing', 'billing', 'audit', 'audit'].map(startBus);
  await Promise.all(
    buses.map((bus, n) =>
      bus.subscribe(OrderPlaced, (order) => void handled.push({ by: `${bus.name} ${n}`, ...order })),
    ),
  );
  const board = startBus('board');
  await board.subscribe(OrderPlaced, (order) => void handled.push({ by: 'board', ...order }), { broadcast: true });
  const drain = async () => void (await Promise.all([...buses, board].map((bus) => bus.close())));
  return { handled, drain };
}

/** Whose handlers got an order, without the numbers of the members. */
const groupsOf = (handled: readonly Handled[], order: string) =>
  handled.flatMap(({ by, orderId }) => (orderId === order ? [by.split(' ')[0]] : [])).sort();

/** What publish.lua returns, as Belfry shows it. */
function toReceipt([broadcast, ...groups]: readonly (string | number)[]): Receipt {
  const pairs = range(groups.length / 2).map((n) => [groups[2 * n], Number(groups[2 * n + 1])]);
  return { broadcast: Number(broadcast), groups: Object.fromEntries(pairs) };
}

const everybody = { broadcast: 1, groups: { billing: 1, audit: 1, shop: 1 } };

describe('redis-cli', () => {
  it('PUBLISH reaches a decorated method', async () => {
    await using publisher = shell('publish.sh');
    expect(await publisher.end()).toBe('1');
    await service.line('mychannel: Hello, world!');
  });

  it('SUBSCRIBE reads what a service publishes, on the bare channel and on the public channel of an event', async () => {
    await using listener = shell('listen.sh');
    await listener.line('2'); // two subscriptions are confirmed
    await using publisher = redisCli('PUBLISH', 'mychannel', 'carol orders o-7');
    await publisher.end();

    await listener.line('carol orders o-7');
    const event = JSON.parse(await listener.line(/^\{/));
    expect(event).toEqual({
      specversion: '1.0',
      id: expect.stringMatching(/^[0-9a-f]{16}-/),
      source: expect.stringMatching(/^\/shop\/[0-9a-f]{16}$/),
      type: 'orders.placed',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      datacontenttype: 'application/json',
      dataversion: '1',
      sequence: '1',
      partitionkey: 'carol',
      correlationid: expect.any(String),
      causationid: expect.any(String),
      data: { orderId: 'o-7', customerId: 'carol' },
    });
    await listener.line('Thank you, carol! We have your order o-7.');
    await service.line('orders.placed: o-7 of carol');
  });

  it('SUBSCRIBE reads one JSON object per message, of a burst too, which travels as one frame on the channel of Belfry', async () => {
    await using listener = shell('listen.sh');
    await using tap = redisCli('SUBSCRIBE', 'belfry:{belfry:orders.placed}:all');
    await Promise.all([listener.line('2'), tap.line('1')]);
    tap.lines.splice(0);

    const till = startBus('till');
    const orders = range(32).map((n) => ({ orderId: `o-${n}`, customerId: 'carol' }));
    await Promise.all(orders.map((order) => till.publish(OrderPlaced, order)));
    const messages: string[] = [];
    for (const _ of orders) messages.push(await listener.line(/orderId/));
    expect(messages.map((message) => JSON.parse(message).data)).toEqual(orders);

    const records: string[] = [];
    for (const _ of orders) records.push(await tap.line(/orderId/));
    expect(records, 'RFC 7464: each with a separator before it and a line end after it').toEqual(
      messages.map((message) => `\x1e${message}`),
    );
    expect(tap.lines.filter((line) => line !== '')).toEqual(['message', 'belfry:{belfry:orders.placed}:all']);
  });

  it('emits an event with the published script', async () => {
    await using emitter = shell('emit.sh', publishLua);
    const receipt = toReceipt((await emitter.end()).split('\n'));
    expect(receipt).toMatchObject({ groups: { shop: 1 } });
    await service.line('orders.placed: o-1 of carol');
  });

  it('reaches no handler with a plain PUBLISH on the public channel', async () => {
    const { handled, drain } = await startHandlers();
    await using listener = shell('listen.sh');
    await listener.line('2');
    const order = { orderId: 'plain', customerId: 'carol' };
    const event = { specversion: '1.0', id: '1', source: '/shell', type: 'orders.placed', data: order };
    await using publisher = redisCli('PUBLISH', 'belfry:orders.placed', JSON.stringify(event));
    expect(await publisher.end()).toBe('1');
    expect(JSON.parse(await listener.line(/^\{/))).toEqual(event);

    // Redis handles one command at a time: what the first had to deliver arrives before what the second has.
    const receipt = await startBus('till').publish(OrderPlaced, { orderId: 'real', customerId: 'carol' });
    expect(receipt).toMatchObject(everybody);
    await service.line('orders.placed: real of carol');
    await drain();
    expect(groupsOf(handled, 'real')).toEqual(['audit', 'billing', 'board']);
    expect(groupsOf(handled, 'plain')).toEqual([]);
    expect(service.lines.filter((line) => line.includes('plain'))).toEqual([]);
  });
});

const foundPython: Python | Error = await findPython().catch((error: Error) => error);
// In CI nothing is skipped: there a missing Python fails.
const skipped = foundPython instanceof Error && !process.env.CI;
if (skipped) {
  process.stderr.write(`\nSKIPPED, the Python part of examples/redis-pubsub: ${foundPython.message}\n\n`);
}

describe.skipIf(skipped)('Python with redis-py', () => {
  function python(file: string, ...args: string[]): Program {
    if (foundPython instanceof Error) throw foundPython;
    const { command, env } = foundPython;
    return new Program(command, [here(`../python/${file}`), ...args], {
      ...env,
      REDIS_URL: redis.url,
      PYTHONUNBUFFERED: '1',
    });
  }

  async function emit(orderId: string, customerId: string): Promise<Receipt> {
    await using emitter = python('emit.py', publishLua, orderId, customerId);
    return toReceipt(JSON.parse(await emitter.end()));
  }

  it('publish() reaches a decorated method', async () => {
    await using publisher = python('publish.py');
    await publisher.end();
    await service.line('mychannel: Hello, world!');
  });

  it('listen() reads what a service publishes, on the bare channel and on the public channel of an event', async () => {
    await using listener = python('listen.py');
    await listener.line('listening to belfry:orders.placed');
    const till = startBus('till');
    await till.publish(MyChannel, 'carol orders Käse');

    await listener.line('mychannel: carol orders Käse');
    await listener.line("orders.placed {'orderId': 'Käse', 'customerId': 'carol'}");
    await listener.line('mychannel: Thank you, carol! We have your order Käse.');
  });

  it('listen() reads one JSON object per message, of a burst too', async () => {
    await using listener = python('listen.py');
    await listener.line('listening to belfry:orders.placed');
    const till = startBus('till');
    await Promise.all(range(32).map((n) => till.publish(OrderPlaced, { orderId: `o-${n}`, customerId: 'dave' })));

    const read: string[] = [];
    for (const _ of range(32)) read.push(await listener.line(/^orders\.placed/));
    expect(read.map((line) => /'orderId': '([^']+)'/.exec(line)?.[1])).toEqual(range(32).map((n) => `o-${n}`));
  });

  it('emits an event with the published script: once to each group, and to every broadcast subscriber', async () => {
    const { handled, drain } = await startHandlers();
    await using listener = python('listen.py');
    await listener.line('listening to belfry:orders.placed');
    expect(await emit('o-python', 'carol')).toMatchObject(everybody);

    await listener.line(/^orders\.placed .*'o-python'/);
    await service.line('orders.placed: o-python of carol');
    await drain();
    expect(groupsOf(handled, 'o-python')).toEqual(['audit', 'billing', 'board']);
    expect(service.lines).not.toContain('orders.placed: o-python of carol');
  });

  it('gives a key to the same member of a group as a service does', async () => {
    const { handled, drain } = await startHandlers();
    const till = startBus('till');
    const customers = ['carol', 'dave', 'erin', 'frank', 'Zoë', '東京'];
    await Promise.all(customers.map((customerId) => till.publish(OrderPlaced, { orderId: 'belfry', customerId })));
    await Promise.all(customers.map((customerId) => emit('python', customerId)));
    await drain();

    const handlersOf = (order: string) =>
      customers.map((customer) =>
        handled
          .flatMap(({ by, orderId, customerId }) => (orderId === order && customerId === customer ? [by] : []))
          .sort(),
      );
    expect(handlersOf('belfry').map((by) => by.length)).toEqual(customers.map(() => 3));
    expect(handlersOf('python')).toEqual(handlersOf('belfry'));
  });

  it('reaches no handler with a plain publish() on the public channel', async () => {
    const { handled, drain } = await startHandlers();
    if (foundPython instanceof Error) throw foundPython;
    const order =
      '{"specversion":"1.0","id":"1","source":"/python","type":"orders.placed","data":{"orderId":"plain","customerId":"carol"}}';
    const script = `import redis; print(redis.Redis.from_url('${redis.url}').publish('belfry:orders.placed', '${order}'))`;
    await using publisher = new Program(foundPython.command, ['-c', script], foundPython.env);
    expect(await publisher.end()).toBe('0');

    await startBus('till').publish(OrderPlaced, { orderId: 'real', customerId: 'carol' });
    await drain();
    expect(groupsOf(handled, 'real')).toEqual(['audit', 'billing', 'board']);
    expect(groupsOf(handled, 'plain')).toEqual([]);
  });

  it('appends a durable event with the published script, and reads the log of what services append, too', async () => {
    const append = async (orderId: string) => {
      await using appender = python('append.py', appendLua, orderId, 'carol');
      return JSON.parse(await appender.end()) as [number, string[], (string | number)[]];
    };
    const [listeners, [entry], groups] = await append('o-8');
    expect({ listeners, entry, groups }).toEqual({
      listeners: 0,
      entry: expect.stringMatching(/^\d+-\d+$/),
      groups: ['shop', 1],
    });
    await service.line('orders.shipped: o-8 to carol, as shipped-o-8 says');
    expect(await append('o-8'), 'the id is known: nothing is appended').toEqual([0, [`=${entry}`], ['shop', 1]]);

    await using reader = python('read.py');
    await reader.line("shipped-o-8 {'orderId': 'o-8', 'customerId': 'carol'}");
    await startBus('depot').publish(OrderShipped, { orderId: 'o-9', customerId: 'carol' }, { id: 'shipped-o-9' });
    await reader.line("shipped-o-9 {'orderId': 'o-9', 'customerId': 'carol'}");
    await service.line('orders.shipped: o-9 to carol, as shipped-o-9 says');
    expect(reader.lines).toEqual([]);
    expect(service.lines.filter((line) => line.startsWith('orders.shipped'))).toEqual([]);
  });
});
