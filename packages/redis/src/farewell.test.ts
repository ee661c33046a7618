import { networkInterfaces } from 'node:os';
import { connect, createServer } from 'node:net';
import { startRedis } from '@belfry/testing';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { collectingLogger, note, OrderPlaced, startBus } from '../test/world.js';
import type { RedisTransportOptions } from './index.js';

/** What is told by whatever has to do with Redis first: an opening, a subscription, a publish. */
async function reasons(options: RedisTransportOptions): Promise<string[]> {
  const logger = collectingLogger();
  const bus = startBus(
    'app',
    { patience: 2000, subscribePatience: 2000, ...options },
    { logger, publicChannels: false },
  );
  const doings = [bus.open(), note(bus), bus.publish(OrderPlaced, { n: 1 })];
  const settled = await Promise.allSettled(doings);
  const refusals = settled.map((each) => (each.status === 'rejected' ? String(each.reason) : 'it worked'));
  return [...refusals, ...logger.lines];
}

/** Somewhere on this machine that Redis does not take for the same machine. */
const elsewhere = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

describe('a Redis that hangs up says why:', () => {
  it.each(['redis', 'redis+cluster', 'redis+sentinel'])(
    'it has as many clients as it takes, with %s://',
    async (scheme) => {
      await using redis = await startRedis({ config: { maxclients: '2' } });
      const others = [new Redis(redis.url), new Redis(redis.url)];
      onTestFinished(() => others.forEach((other) => void other.disconnect()));
      await Promise.all(others.map((other) => other.ping()));
      const path = scheme === 'redis+sentinel' ? '/mymaster' : '';
      const said = await reasons({ url: `${redis.url.replace('redis', scheme)}${path}` });
      expect(said.length).toBeGreaterThan(3);
      for (const each of said) expect(each).toContain('max number of clients');
    },
  );

  it.skipIf(elsewhere === undefined)('it has no password, and takes nobody from elsewhere', async () => {
    await using redis = await startRedis({ config: { 'protected-mode': 'yes' } });
    const admin = new Redis(redis.url);
    await admin.config('SET', 'bind', '* -::*');
    admin.disconnect();
    const said = await reasons({ url: `redis://${elsewhere}:${redis.port}` });
    expect(said.length).toBeGreaterThan(3);
    for (const each of said) expect(each).toContain('protected mode');
  });
});

it('a second error of TLS, after that of the certificate, ends no process', async () => {
  await using redis = await startRedis({ tls: true });
  // What the server says first, which the client does not trust, and behind it a record that nobody can read.
  const garbage = Buffer.concat([Buffer.from([0x17, 3, 3, 0, 32]), Buffer.alloc(32, 7)]);
  const server = createServer((client) => {
    const upstream = connect(redis.port, redis.host);
    for (const socket of [client, upstream]) socket.on('error', () => {});
    client.pipe(upstream);
    upstream.on('data', (data) => client.write(Buffer.concat([data, garbage])));
    upstream.on('close', () => client.destroy());
    client.on('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  const uncaught: unknown[] = [];
  const catching = (error: unknown) => void uncaught.push(error);
  process.on('uncaughtException', catching);
  onTestFinished(() => void process.off('uncaughtException', catching));
  const schemes = ['rediss', 'rediss+cluster', 'rediss+sentinel'];
  for (const scheme of schemes) {
    const path = scheme === 'rediss+sentinel' ? '/mymaster' : '';
    const said = await reasons({ url: `${scheme}://127.0.0.1:${port}${path}` });
    for (const each of said) expect(each).toContain('self-signed certificate');
  }
  expect(uncaught).toEqual([]);
});
