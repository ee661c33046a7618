import { defineEvent } from '@belfry/contracts';
import { silentLogger } from '@belfry/core';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { createBus } from './create-bus.js';
import { withoutSecrets } from './transport-url.js';

const Happened = defineEvent('tests.happened', { schema: z.object({ n: z.number() }) });

it('builds buses for memory: and Redis URLs, and opens nothing', async () => {
  await using first = createBus({ url: 'memory:create-bus', logger: silentLogger });
  await using second = createBus({ url: 'memory:create-bus', name: 'second', logger: silentLogger });
  await second.subscribe(Happened, () => {});
  expect((await first.publish(Happened, { n: 1 })).groups).toEqual({ second: 1 });
  for (const url of [
    'redis://127.0.0.1:1',
    'rediss://user:secret@127.0.0.1:1/2',
    'redis+cluster://user:secret@127.0.0.1:1,127.0.0.1:2',
    'rediss+cluster://127.0.0.1',
    'redis+sentinel://user:secret@127.0.0.1:1,127.0.0.1:2/mymaster?db=2',
  ]) {
    await createBus({ url, logger: silentLogger }).close();
  }
});

it('refuses what it does not know, as the bus of core does', () => {
  expect(() => createBus({ url: 'amqp://user:secret@host' })).toThrow(
    'TRANSPORT_UNKNOWN: url is no URL of a transport; it must begin with redis:// (like redis://127.0.0.1:6379), rediss:// for TLS, redis+cluster:// for a Cluster, redis+sentinel:// for Sentinels, or memory:, not with amqp://.',
  );
  expect(() => createBus({})).toThrow('one of url and transport must be given');
  expect(() => createBus({ url: 'memory:', name: 'a b' })).toThrow('OPTION_INVALID');
  expect(() => createBus({ url: 'memory:', transport: () => undefined as never })).toThrow('one of url and transport');
  expect(() => createBus({ url: 'redis://127.0.0.1/x' })).toThrow('OPTION_INVALID');
});

it.each([
  ['redis://user:secret@one:1/2?family=6', 'redis://one:1/2'],
  ['redis+cluster://user:sec@re/t@one:1,two:2', 'redis+cluster://one:1,two:2'],
  ['rediss+cluster://:secret@one,[::1]:7000/0', 'rediss+cluster://one,[::1]:7000/0'],
  ['redis+sentinel://user:sec@ret@one:1,two:2/mymaster?db=1', 'redis+sentinel://one:1,two:2/mymaster'],
  ['memory:tests', 'memory:tests'],
])('says of %s without secrets %s', (url, said) => {
  expect(withoutSecrets(url)).toBe(said);
});
