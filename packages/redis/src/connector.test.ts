import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis, uniqueNamespace } from '@belfry/testing';
import { AbstractConnector, type Redis, type RedisOptions } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { OrderPlaced, startBus } from '../test/world.js';
import { resolveRedisOptions } from './options.js';

/** From a reply that shares its read with others to one that needs many. */
const lengths = [0, 1, 1000, 65_536, 262_144, 5_000_000];

/** Sends replies and messages of all lengths through one client, and returns the lengths of what came back right. */
async function echoed(client: Redis): Promise<{ replies: number[]; messages: number[] }> {
  onTestFinished(() => client.disconnect());
  await client.connect();
  const texts = lengths.map((length) => 'ø'.repeat(length));
  const lengthOf = (text: unknown) => lengths[texts.indexOf(String(text))]!;
  const replies = await Promise.all(texts.map((text) => client.echo(text)));
  const listener = client.duplicate();
  onTestFinished(() => listener.disconnect());
  await listener.connect();
  const channel = uniqueNamespace();
  const messages: number[] = [];
  const all = new Promise<void>((resolve) => {
    listener.on('message', (_, text) => messages.push(lengthOf(text)) === lengths.length && resolve());
  });
  await listener.subscribe(channel);
  for (const text of texts) void client.publish(channel, text);
  await all;
  return { replies: replies.map(lengthOf), messages };
}

describe('replies and messages of all lengths come whole', () => {
  const open = (url: string, redis: RedisOptions = {}) => resolveRedisOptions({ url, redis }).connect('test');

  it.each(['127.0.0.1', 'localhost'])('from %s', async (host) => {
    await using redis = await startRedis();
    const client = open(`redis://${host}:${redis.port}`);
    await expect(echoed(client)).resolves.toEqual({ replies: lengths, messages: lengths });
  });

  it.each(['127.0.0.1', 'localhost'])('over TLS from %s', async (host) => {
    await using redis = await startRedis({ tls: true });
    const client = open(`rediss://${host}:${redis.port}`, { tls: { ca: redis.ca! } });
    await expect(echoed(client)).resolves.toEqual({ replies: lengths, messages: lengths });
  });

  it('over a Unix socket', async () => {
    const path = join(tmpdir(), `${uniqueNamespace()}.sock`.replaceAll(':', '-'));
    await using _ = await startRedis({ config: { unixsocket: path } });
    onTestFinished(() => rm(path, { force: true }));
    const client = resolveRedisOptions({ redis: { path } }).connect('test');
    await expect(echoed(client)).resolves.toEqual({ replies: lengths, messages: lengths });
  });
});

it('a connector that is given stays, as for a tunnel, and everything is heard through it', async () => {
  await using redis = await startRedis();
  let tunnels = 0;
  class Tunnel extends AbstractConnector {
    readonly reader = 'its own';
    override async connect() {
      tunnels++;
      this.stream = connect(redis.port, redis.host);
      return this.stream;
    }
  }
  const options = { host: 'there.example', Connector: Tunnel as unknown as NonNullable<RedisOptions['Connector']> };
  const client = resolveRedisOptions({ redis: options }).connect('test');
  await expect(echoed(client)).resolves.toEqual({ replies: lengths, messages: lengths });
  const before = tunnels;
  const bus = startBus('shop', { redis: options });
  const heard: string[] = [];
  for (const [name, how] of Object.entries({ group: {}, broadcast: { broadcast: true } }))
    await bus.subscribe(OrderPlaced, () => void heard.push(name), how);
  await bus.subscribe('orders.*', () => void heard.push('pattern'), { broadcast: true });
  await bus.publish(OrderPlaced, { n: 1 });
  await expect.poll(() => heard.sort()).toEqual(['broadcast', 'group', 'pattern']);
  expect(tunnels - before).toBe(2);
});

it('ends at once when it is ended before it has begun', async () => {
  await using redis = await startRedis();
  const client = resolveRedisOptions({ url: redis.url }).connect('test');
  const connecting = client.connect();
  client.disconnect();
  await expect(connecting).rejects.toThrow('Connection is closed.');
  expect(client.status).toBe('end');
});
