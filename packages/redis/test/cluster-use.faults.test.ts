import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { defineEvent } from '@belfry/contracts';
import { Cluster } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { type RedisTransportOptions, redisTransport } from '../src/index.js';
import { ClusterWorld, type Node } from './cluster-world.js';
import { OrderPaid, until } from './durable-world.js';
import { OrderKept } from './loss-world.js';
import { Audience } from './outages-audience.js';
import { DoWork } from './work.js';
import { collectingLogger, OrderPlaced, sharedUrl, startBus } from './world.js';

const PLACED = 'belfry:orders.placed';

/** An event whose channel a node serves. */
const eventOn = async (world: ClusterWorld, { id }: Node) => {
  for (let n = 0; ; n++) {
    const name = `used${n}.up`;
    if ((await world.primaryOf(`belfry:${name}`)).id === id)
      return defineEvent(name, { schema: z.object({ n: z.number() }) });
  }
};

describe('a Cluster', { timeout: 60_000 }, () => {
  let world: ClusterWorld;
  beforeAll(async () => {
    world = await ClusterWorld.start({ heartbeat: 500, patience: 5000 });
  });
  afterAll(() => world.stop());
  beforeEach(() => world.mend());

  describe('that is wrongly told of', () => {
    /** What becomes of everything that one can do, by code. */
    const outcomes = async (options: RedisTransportOptions): Promise<{ code: string; message: string }[]> => {
      const bus = startBus('app', { patience: 500, subscribePatience: 500, ...options });
      const doings = [
        bus.publish(OrderPlaced, { n: 1 }),
        bus.publish(OrderPaid, { n: 1 }),
        bus.publish(OrderKept, { n: 1 }),
        bus.request(DoWork, { n: 1 }),
        bus.subscribe(OrderPlaced, () => {}),
        bus.subscribe(OrderPaid, () => {}),
        bus.subscribe(OrderPlaced, () => {}, { broadcast: true }),
        bus.respond(DoWork, ({ n }) => ({ n, by: '' })),
      ];
      const settled = await Promise.allSettled(doings);
      return settled.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    };

    it('with redis://: whatever a node does not serve is refused, with the URL to take', async () => {
      for (const { server } of await world.primaries()) {
        const refusals = await outcomes({ url: server.url });
        const own = refusals.filter(({ code }) => code !== 'NO_RESPONDERS');
        expect(own.length).toBeGreaterThan(0);
        for (const { code, message } of own) {
          expect(String(code)).toMatch(/^(PUBLISH|SUBSCRIBE)_REFUSED$/); // what Redis says by itself has none
          expect(message).toMatch(/answered MOVED .* with a URL like redis\+cluster:\/\/host:port,host:port\./);
        }
      }
    });

    it('with redis:// to a replica: it is left, because what is sent there reaches nobody', async () => {
      const replica = await world.replicaOf(await world.primaryOf(PLACED));
      for (const { code, message } of await outcomes({ url: replica.server.url })) {
        expect(code).toBe('TRANSPORT_UNAVAILABLE');
        expect(message).toContain('is a replica');
      }
    });

    it('with redis+cluster:// where there is none: the URL to take is named', async () => {
      const refusals = await outcomes({ url: sharedUrl.replace('redis:', 'redis+cluster:') });
      expect(refusals).toHaveLength(8);
      for (const { code, message } of refusals) {
        expect(code).toBe('TRANSPORT_UNAVAILABLE');
        expect(message).toMatch(/cluster support disabled.* with a URL like redis:\/\/host:port\./);
      }
    });

    it('with a password that is none: it is said, and not repeated', async () => {
      const refusals = await outcomes({ url: world.cluster.url.replace('redis://', 'redis+cluster://app:s3cret@') });
      for (const { code, message } of refusals) {
        expect(code).toBe('TRANSPORT_UNAVAILABLE');
        expect(message).toMatch(/WRONGPASS/);
        expect(message).not.toContain('s3cret');
      }
    });

    it("with ioredis's client of a Cluster: its nodes are asked for", () => {
      const client = new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true });
      onTestFinished(() => client.disconnect());
      expect(() => redisTransport({ client: client as never })).toThrow(
        "OPTION_INVALID: redisTransport: client must be that of one server; for a Cluster give its nodes: cluster: { nodes: ['host:port'] }.",
      );
    });

    it('refuses patterns, and says what to do instead', async () => {
      const bus = startBus('app', world.options);
      await expect(bus.subscribe('orders.*', () => {})).rejects.toMatchObject({
        code: 'UNSUPPORTED',
        hint: expect.stringMatching(/no patterns.*subscribe\(\[OrderPlaced, OrderPaid\], …\)/),
      });
      const noted: number[] = [];
      await bus.subscribe([OrderPlaced, OrderKept], ({ n }) => void noted.push(n));
      for (const contract of [OrderPlaced, OrderKept]) await bus.publish(contract, { n: 1 });
      await expect.poll(() => noted).toEqual([1, 1]);
    });
  });

  it('is found by any one of its nodes, also where they have other addresses than they tell', async () => {
    const { host, port } = world.nodes[5]!.server;
    const natMap = { [`${host}:${port}`]: `localhost:${port}` };
    const dead = '127.0.0.1:1';
    const bus = startBus('app', { cluster: { nodes: [dead, `${host}:${port}`], natMap } });
    expect(await bus.publish(OrderPlaced, { n: 1 })).toMatchObject({ broadcast: 0 });
  });

  describe('some of whose nodes are not where they are said to be', () => {
    const addresses = async () => {
      const [first, ...others] = await world.primaries();
      const at = ({ server }: Node) => `${server.host}:${server.port}`;
      return { first: first as Node, seed: at(first as Node), others: others.map(at) };
    };

    it('tells which one it could not reach, and does not take the Cluster for away', async () => {
      const { first, seed, others } = await addresses();
      const dead = others.map((other) => [other, '127.0.0.1:1'] as const);
      const logger = collectingLogger();
      const natMap = Object.fromEntries([
        ...dead,
        ...world.nodes.slice(3).map(({ server }) => [`127.0.0.1:${server.port}`, '127.0.0.1:2']),
      ]);
      const bus = startBus('app', { cluster: { nodes: [seed], natMap }, patience: 1000 }, { logger });
      const foreign = await eventOn(world, (await world.primaries()).find((node) => node !== first) as Node);
      await expect(bus.publish(foreign, { n: 1 })).rejects.toThrow(
        '(127.0.0.1:1, which serves its slot: connect ECONNREFUSED 127.0.0.1:1)',
      );
      expect(await bus.publish(await eventOn(world, first), { n: 1 })).toMatchObject({ broadcast: 0 });
      expect(logger.lines.filter((line) => /No node of|is back/.test(line))).toEqual([]);
    });

    it('gives a publish up in time that one node says another one serves, which is itself', async () => {
      const { first, seed, others } = await addresses();
      const natMap = Object.fromEntries(others.map((other) => [other, seed]));
      const bus = startBus('app', { cluster: { nodes: [seed], natMap }, patience: 500 });
      const foreign = await eventOn(world, (await world.primaries()).find((node) => node !== first) as Node);
      const moved = async () =>
        Number(/errorstat_MOVED:count=(\d+)/.exec(await first.admin.info('errorstats'))?.[1] ?? 0);
      const before = await moved();
      await expect(bus.publish(foreign, { n: 1 })).rejects.toMatchObject({
        code: 'TRANSPORT_UNAVAILABLE',
        message: expect.stringContaining('MOVED'),
      });
      expect((await moved()) - before).toBeLessThan(30); // it is not asked as often as it answers
    });
  });

  describe('that is not there at the start', () => {
    const stopAll = () => Promise.all(world.nodes.map(({ server }) => server.kill('SIGSTOP')));
    const wakeAll = () => Promise.all(world.nodes.map(({ server }) => server.kill('SIGCONT')));

    it('is given up in time, with a message that says what was tried, and one line in the log', async () => {
      const logger = collectingLogger();
      const cluster = { nodes: ['127.0.0.1:1', '127.0.0.1:2'] };
      const bus = startBus(
        'app',
        { cluster, subscribePatience: 1000, patience: 500 },
        { logger, publicChannels: false },
      );
      const began = performance.now();
      const error = await bus.subscribe(OrderPlaced, () => {}).catch((refusal) => refusal);
      expect(error).toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
      expect(error.message).toMatch(
        /127\.0\.0\.1:1,127\.0\.0\.1:2 within 1000 ms \(connect ECONNREFUSED 127\.0\.0\.1:[12]\)/,
      );
      await expect(bus.publish(OrderPlaced, { n: 1 })).rejects.toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
      expect(performance.now() - began).toBeLessThan(2500);
      expect(logger.lines).toEqual([expect.stringMatching(/^warn: No node of the Redis Cluster .*ECONNREFUSED/)]);
    });

    it('is waited for, when that is what was asked for', async () => {
      await stopAll();
      onTestFinished(async () => void (await wakeAll()));
      const audience = new Audience({ app: { ...world.options, subscribePatience: 'forever' }, patterns: false });
      const subscribed = audience.subscribe();
      await until(() => audience.logger.lines.filter((line) => line.includes('No node of the')).length === 2);
      await wakeAll();
      await subscribed;
      await audience.hearsEverythingOnce();
      await world.isWhole(audience);
      expect(audience.logger.lines.filter((line) => line.includes('The Redis Cluster is back'))).toHaveLength(2);
    });
  });

  describe('and the connections of an instance', () => {
    const connections = async (): Promise<Record<string, string[]>> => {
      const byNode: Record<string, string[]> = {};
      for (const { admin, id } of world.nodes) {
        const clients = String(await admin.client('LIST'));
        byNode[id] = [...clients.matchAll(/ name=belfry:\w+:\w+:(\w+)/g)].map(([, role]) => role as string).sort();
      }
      return byNode;
    };
    const toPrimaries = async (roles: string[]) => {
      const primaries = await world.primaries();
      return Object.fromEntries(world.nodes.map((node) => [node.id, primaries.includes(node) ? roles : []]));
    };

    it('are two to each primary that it uses, and none to anybody else, also after a failover', async () => {
      const bus = startBus('app', world.options);
      for (const primary of await world.primaries()) await bus.subscribe(await eventOn(world, primary), () => {});
      await expect.poll(connections).toEqual(await toPrimaries(['commands', 'subscriber']));
      const [first] = await world.primaries();
      await world.handOver(first!);
      const expected = await toPrimaries(['commands', 'subscriber']);
      expect(expected[first!.id]).toEqual([]);
      await expect.poll(connections, { timeout: 10_000 }).toEqual(expected);
      await bus.close();
      await expect.poll(connections).toEqual(await toPrimaries([]));
    });

    it('is a single one when it publishes on one channel only', async () => {
      const bus = startBus('app', world.options);
      await bus.publish(OrderPlaced, { n: 1 });
      const { id } = await world.primaryOf(PLACED);
      await expect.poll(connections).toEqual({ ...(await toPrimaries([])), [id]: ['commands'] });
    });

    it('and its timers are gone when it is closed: the process ends by itself', async () => {
      const script = fileURLToPath(new URL('./cluster-process.ts', import.meta.url));
      const args = ['--conditions=@belfry/source', '--import', 'tsx', script, String(world.options.url)];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      onTestFinished(() => void child.kill('SIGKILL'));
      const said: string[] = [];
      child.stdout.setEncoding('utf8').on('data', (text: string) => said.push(text));
      expect(await once(child, 'exit')).toEqual([0, null]);
      expect(said.join('')).toBe('closed\n');
    });
  });
});
