import { uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { afterAll, describe, it } from 'vitest';
import { CLAIM_TIMEOUT, explore, type GroupPort } from '@belfry/core/conformance';
import { luaTexts } from '../src/lua-texts.js';
import { sharedUrl } from './world.js';

const redis = new Redis(sharedUrl);
afterAll(() => redis.disconnect());

const GROUP = 'billing';
const MAX_PARKED = 20;

/** A log with one group on it, in Redis. */
async function portOf(script: string): Promise<GroupPort> {
  const base = `belfry:{${uniqueNamespace()}}:`;
  const log = `${base}log`;
  const keys = [log, ...['pending', 'due', 'busy', 'seen', 'about', 'lane:', 'dead'].map((name) => `${base}${name}`)];
  await redis.xgroup('CREATE', log, GROUP, '0', 'MKSTREAM');
  const run = async (...args: (string | number)[]) => {
    const reply = (await redis.eval(script, keys.length, ...keys, GROUP, ...args)) as [
      string,
      number,
      string[],
      string[][],
    ];
    const [nextDue, more, refused, given] = reply;
    return {
      more: more === 1,
      nextDue: nextDue === '' ? undefined : Number(nextDue),
      refused: refused.map(Number),
      deliveries: given.map(([id = '', token, attempt, body = '', key = '']) => ({
        id,
        token: Number(token),
        attempt: Number(attempt),
        body,
        key: key === '' ? undefined : key.slice(1),
      })),
    };
  };
  return {
    async append(key) {
      const fields = key === undefined ? ['e', '{}'] : ['e', '{}', 'k', key];
      return (await redis.xadd(log, '*', ...fields)) as string;
    },
    work(instance, settlements, room, now) {
      const args = settlements.flatMap((each) => {
        const [first, second] =
          each.outcome === 'retry'
            ? [each.at, '']
            : each.outcome === 'dead'
              ? [each.reason.code, each.reason.message]
              : ['', ''];
        return [each.id, each.token, each.outcome, first, second];
      });
      return run(instance, room, now, CLAIM_TIMEOUT, MAX_PARKED, ...args);
    },
    async stamp(instance, now) {
      await redis.zadd(`${base}seen`, 'XX', now, instance);
    },
    async pending() {
      const [count] = (await redis.xpending(log, GROUP)) as [number];
      const [work, due, busy] = [
        await redis.hlen(`${base}pending`),
        await redis.zcard(`${base}due`),
        await redis.hlen(`${base}busy`),
      ];
      return count + work + due + busy;
    },
    async dead() {
      const entries = await redis.xrange(`${base}dead`, '-', '+');
      return entries.map(([, fields]) => {
        const of = (name: string) => fields[fields.indexOf(name) + 1] as string;
        return { id: of('id'), attempts: Number(of('attempts')) };
      });
    },
  };
}

describe('durable delivery, as a Lua script', () => {
  it('holds the invariants of the model under 20 seeds', { timeout: 60_000 }, async () => {
    for (let seed = 0; seed < 20; seed++) await explore(seed, await portOf(luaTexts.work));
  });
});
