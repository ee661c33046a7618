import { setTimeout as sleep } from 'node:timers/promises';
import { uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { afterAll, describe, expect, it } from 'vitest';
import { completedKey, JobQueued } from './durable-jobs.js';
import { DurableProcess, leftIn, until } from './durable-world.js';
import { range, sharedUrl, startBus } from './world.js';

const admin = new Redis(sharedUrl);
afterAll(() => admin.disconnect());

const KEYS = range(20).map((n) => `customer-${n}`);
const OF_EACH = 100;

describe('the order of a key', () => {
  it('holds across processes that fail, are killed, stand still, and join', { timeout: 60_000 }, async () => {
    const namespace = uniqueNamespace();
    const options = { claimTimeout: 600, concurrency: 8 };
    const start = () => DurableProcess.start(namespace, options);
    const [first, second, third] = await Promise.all([start(), start(), start()]);
    const publisher = startBus('publisher', { url: sharedUrl }, { namespace });
    const completed = async () => {
      const counts = await Promise.all(KEYS.map((key) => admin.llen(completedKey(namespace, key))));
      return counts.reduce((sum, count) => sum + count);
    };
    const haveCompleted = (count: number) => until(async () => (await completed()) >= count, 20_000);
    /** Waits until a process has something in its hands that takes a while, and says which. */
    const beginsSlowly = async ({ said }: DurableProcess): Promise<string> => {
      const begun = () => said.find((line) => /^begins \d{4} /.test(line))?.split(' ')[1];
      for (let n = 1000; begun() === undefined; n++) {
        await publisher.publish(JobQueued, { n, takes: 300 });
        await sleep(5);
      }
      return begun() as string;
    };

    const publishing = (async () => {
      for (const n of range(OF_EACH)) {
        for (const key of KEYS) {
          const does = Math.random() < 0.05 ? 'fails at first' : 'commits';
          void publisher.publish(JobQueued, { n, key, does, takes: Math.floor(Math.random() * 8) });
        }
        await sleep(15);
      }
    })();
    await haveCompleted(100);
    first.process.kill('SIGKILL');
    const joining = start();
    await haveCompleted(300);
    const slow = await beginsSlowly(second);
    second.process.kill('SIGSTOP');
    const fourth = await joining;
    await haveCompleted(500);
    const isClaimed = () => [third, fourth].some(({ said }) => said.includes(`begins ${slow} 2`));
    await until(isClaimed);
    second.process.kill('SIGCONT');
    await haveCompleted(700);
    third.process.kill('SIGKILL');
    await publishing;
    await haveCompleted(KEYS.length * OF_EACH);

    await until(async () => (await leftIn(admin, `${namespace}:jobs.queued`, 'workers')) === 0);
    for (const key of KEYS) {
      const numbers = await admin.lrange(completedKey(namespace, key), 0, -1);
      expect(numbers.map(Number)).toEqual(range(OF_EACH));
    }
    // Its slow handler is told by its signal, unless it is done first when the process wakes up: then its acknowledgement is refused.
    second.process.kill('SIGTERM');
    await until(() => second.said.some((line) => /^lost [1-9]/.test(line)), 30_000);
    expect(await admin.xlen(`belfry:{${namespace}:jobs.queued}:dead:workers`)).toBe(0);
  });
});
