import { defineEvent } from '@belfry/contracts';
import { setTimeout as sleep } from 'node:timers/promises';
import { uniqueNamespace } from '@belfry/testing';
import type { Redis } from 'ioredis';
import { expect } from 'vitest';
import { leftIn, until } from '../durable-world.js';
import { collectingLogger, sharedUrl, startBus } from '../world.js';
import { SECRET } from './corpus.js';
import { noted } from './hostile-world.js';

export const Logged = defineEvent('hostile.logged', {
  schema: noted,
  guarantee: 'durable',
  key: ({ n }) => (n < 0 ? 'failing' : `key ${n}`),
});

/** Everything that hangs on a durable channel, by the ends of its names. */
export const KEYS = [
  ...['members', 'stamps', 'log', 'about', 'bells', 'later', 'later:bodies'],
  ...['work:app', 'rest:app', 'due:app', 'busy:app', 'seen:app', 'state:app', 'dead:app', 'lane:app:failing'],
] as const;

/** Makes something of a key that it should not be. */
export type Breakage = (redis: Redis, key: string) => Promise<unknown>;

/** In one step: nobody may come by while there is nothing. */
const instead =
  (command: 'set' | 'rpush' | 'sadd', ...values: string[]): Breakage =>
  (redis, key) =>
    redis
      .multi([
        ['del', key],
        [command, key, ...values],
      ])
      .exec();

export const breakages: Record<string, Breakage> = {
  'a text': instead('set', SECRET),
  'a list': instead('rpush', SECRET, '1'),
  'a set': instead('sadd', SECRET),
};

/**
 * Breaks one key of a durable channel while there is something in every state, mends it again, and expects that everything is handled then,
 * and that nobody has been harmed.
 */
export async function breakAndMend(redis: Redis, key: string, breakage: Breakage): Promise<readonly string[]> {
  const [namespace, logger] = [uniqueNamespace(), collectingLogger()];
  const bus = startBus('app', { url: sharedUrl, heartbeat: '200ms' }, { namespace, logger });
  const channel = `${namespace}:${Logged.name}`;
  const nameOf = (end: string) => `belfry:{${channel}}:${end}`;
  const [handled, read]: [number[], number[]] = [[], []];
  const handler = ({ n }: { n: number }) => {
    handled.push(n);
    if (n === -1 && handled.filter((each) => each === -1).length === 1) throw new Error('not yet');
  };
  const backoff = { delay: 500, jitter: 0 };
  const { stats } = await bus.subscribe(Logged, handler, { retry: { attempts: 3, backoff } });
  await bus.subscribe(Logged, ({ n }) => void read.push(n), { broadcast: true });
  await bus.publish(Logged, { n: 1 });
  // One that is tried again later, one behind it, and one that is delayed.
  await Promise.all([bus.publish(Logged, { n: -1 }), bus.publish(Logged, { n: -2 })]);
  await bus.publish(Logged, { n: 2 }, { delay: 300, id: 'later' });
  await until(() => handled.length === 2 && read.length === 3);
  await until(async () => (await redis.zcard(nameOf('due:app'))) === 1); // that it is to be tried again is written down

  const before = await redis.dumpBuffer(nameOf(key));
  await breakage(redis, nameOf(key));
  const published = await Promise.allSettled([bus.publish(Logged, { n: 3 }), bus.publish(Logged, { n: 4 })]);
  const accepted = [3, 4].filter((_, i) => published[i]?.status === 'fulfilled');
  for (const each of published)
    if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'PUBLISH_REFUSED' });
  if (key !== 'log') await redis.xadd(nameOf('log'), '*', 'e', SECRET); // for the dead letters
  await sleep(850); // what is due meanwhile has been tried
  if (before === null) await redis.del(nameOf(key));
  else await redis.restore(nameOf(key), 0, before, 'REPLACE');

  const mended = async () => (await bus.publish(Logged, { n: 5 }).catch(() => undefined)) !== undefined;
  await until(mended);
  const all = [1, -1, -1, -2, 2, ...accepted, 5];
  const isDone = async () => handled.includes(5) && read.includes(5) && (await leftIn(redis, channel, 'app')) === 0;
  await until(async () => (await isDone()) && handled.length >= all.length, 8000).catch(() => {});
  const sorted = (numbers: readonly number[]) => numbers.toSorted((one, other) => one - other);
  const dead = key === 'log' ? 0 : 1;
  expect({
    handled: sorted(handled),
    left: await leftIn(redis, channel, 'app'),
    dead: (await bus.inspect(Logged).deadLetters('app').list()).length,
    lost: stats.durable?.lost,
  }).toEqual({ handled: sorted(all), left: 0, dead, lost: 0 });
  expect((await bus.publish(Logged, { n: 6 })).groups).toEqual({ app: 1 });
  return logger.lines;
}
