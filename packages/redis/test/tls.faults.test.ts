import { type RedisServer, startRedis } from '@belfry/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RedisTransportOptions } from '../src/index.js';
import { OrderPaid, until } from './durable-world.js';
import { Audience } from './outages-audience.js';
import { collectingLogger, note, OrderPlaced, startBus } from './world.js';

let redis: RedisServer;
let stranger: RedisServer;
/** Everything that Redis wants to see. */
const known = (): RedisTransportOptions => ({
  url: redis.url,
  redis: { tls: { ca: redis.ca, ...redis.clientCertificate } },
});
beforeAll(async () => {
  redis = await startRedis({ tls: 'mutual' });
  stranger = await startRedis({ tls: 'mutual' }); // an authority of its own
});
afterAll(async () => {
  await redis.stop();
  await stranger.stop();
});

describe('over TLS', { timeout: 60_000 }, () => {
  it('everything is heard in every way, with a client certificate', async () => {
    const audience = await Audience.gather({ app: known() });
    await audience.hearsEverythingOnce();
  });

  it('a server that was killed is found again', async () => {
    const bus = startBus('app', { ...known(), heartbeat: 200 });
    const noted = await note(bus);
    const handled: number[] = [];
    await bus.subscribe(OrderPaid, ({ n }) => void handled.push(n));
    await redis.kill();
    await until(() => bus.status === 'interrupted');
    await redis.restart();
    await until(() => bus.status === 'connected');
    await bus.publish(OrderPlaced, { n: 1 });
    await bus.publish(OrderPaid, { n: 1 });
    await until(() => noted.length === 1 && handled.length === 1);
  });

  const PATIENCE = 1500;
  const plain = () => redis.url.replace('rediss:', 'redis:');
  const wrong: Record<string, [options: () => RedisTransportOptions, reason: RegExp]> = {
    'an authority that nobody trusts': [() => ({ url: redis.url }), /self-signed certificate/],
    'the authority of somebody else': [
      () => ({ url: redis.url, redis: { tls: { ca: stranger.ca, ...redis.clientCertificate } } }),
      /self-signed certificate/,
    ],
    'a certificate for another name': [
      () => ({ url: redis.url, redis: { tls: { ...known().redis?.tls, servername: 'redis.example' } } }),
      /does not match certificate's altnames/,
    ],
    'no client certificate': [
      () => ({ url: redis.url, redis: { tls: { ca: redis.ca } } }),
      /wants to see a client certificate|before it was ready/,
    ],
    'a client certificate of another authority': [
      () => ({ url: redis.url, redis: { tls: { ca: redis.ca, ...stranger.clientCertificate } } }),
      /does not trust the authority of the client|before it was ready/,
    ],
    'redis:// where rediss:// belongs': [() => ({ url: plain() }), /is TLS \(rediss:\/\/\) right\?/],
    'rediss:// where redis:// belongs': [
      () => ({ url: process.env.BELFRY_TEST_REDIS_URL?.replace('redis:', 'rediss:') ?? '' }),
      /no answer from Redis/,
    ],
  };

  it.each(Object.keys(wrong))('%s is one clear error within the patience, and tells no secret', async (what) => {
    const [options, reason] = wrong[what] as (typeof wrong)[string];
    const given = options();
    const url = given.url?.replace('://', '://ann:secret@');
    const logger = collectingLogger();
    const from = performance.now();
    const bus = startBus('app', { ...given, url, subscribePatience: PATIENCE, patience: PATIENCE }, { logger });
    const error = await note(bus).catch((failure) => failure);
    expect(performance.now() - from).toBeLessThan(PATIENCE + 1000);
    const publishing = await bus.publish(OrderPlaced, { n: 1 }).catch((failure) => failure);
    const opening = await bus.open().catch((failure) => failure);
    for (const each of [error, publishing, opening]) {
      expect(each.code).toBe('TRANSPORT_UNAVAILABLE');
      expect(each.message).toMatch(reason);
    }
    const said = `${error.stack} ${error.hint} ${error.cause} ${publishing.stack} ${opening.stack} ${logger.lines.join()}`;
    for (const secret of ['secret', 'PRIVATE KEY', 'BEGIN CERTIFICATE']) expect(said).not.toContain(secret);
    const roles = logger.lines
      .filter((line) => line.startsWith('warn'))
      .map((line) => /"connection":"(\w+)"/.exec(line)?.[1]);
    expect(roles.toSorted()).toEqual([...new Set(roles)].toSorted()); // however often it was tried
  });
});
