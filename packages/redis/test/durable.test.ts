import { uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { afterAll, describe, it } from 'vitest';
import { explore, type GroupPort } from '@belfry/core/conformance';
import { deadKey, logKey } from '../src/names.js';
import { toWork, workArguments } from '../src/work-call.js';
import { appendScript, groupScript, runScript, workScript } from '../src/scripts.js';
import { sharedUrl } from './world.js';

const redis = new Redis(sharedUrl);
afterAll(() => redis.disconnect());

const GROUP = 'billing';
const MAX_PARKED = '20';

/** A log with one group on it, in Redis. */
async function portOf(): Promise<GroupPort> {
  const channel = `${uniqueNamespace()}:orders.placed`;
  const log = logKey(channel);
  const base = log.slice(0, -'log'.length);
  await runScript(redis, groupScript, [log], [GROUP, 'start']);
  return {
    async append(key) {
      const event = [key === undefined ? '' : `=${key}`, '', '', '{}'];
      const [, entries] = (await runScript(redis, appendScript, [log], ['', '0', '0', '1', '', ...event])) as [
        number,
        string[],
      ];
      return entries[0]!;
    },
    async work(ask, now) {
      const args = workArguments({ group: GROUP, ...ask }, MAX_PARKED, String(now));
      return toWork(await runScript(redis, workScript, [log], args));
    },
    async pending() {
      const [count] = (await redis.xpending(log, GROUP)) as [number];
      const left = await Promise.all([
        redis.hlen(`${base}work:${GROUP}`),
        redis.hlen(`${base}rest:${GROUP}`),
        redis.zcard(`${base}due:${GROUP}`),
        redis.hlen(`${base}busy:${GROUP}`),
        redis.keys(`${base}lane:*`).then(({ length }) => length),
        redis.hget(`${base}state:${GROUP}`, 'parked').then(Number),
      ]);
      return left.reduce((sum, each) => sum + each, count);
    },
    async dead() {
      const entries = await redis.xrange(deadKey(channel, GROUP), '-', '+');
      return entries.map(([, fields]) => {
        const of = (name: string) => fields[fields.indexOf(name) + 1] as string;
        return { entry: of('id'), attempts: Number(of('attempts')) };
      });
    },
  };
}

describe('durable delivery, as a Lua script', () => {
  it('holds the invariants of the model under 20 seeds', { timeout: 60_000 }, async () => {
    for (let seed = 0; seed < 20; seed++) await explore(seed, await portOf());
  });
});
