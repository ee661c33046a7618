import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageContext, SubscribeOptions } from '@belfry/core';
import { uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { completedKey, JobQueued } from './durable-jobs.js';
import { DurableProcess, leftIn, newGate, OrderPaid, until } from './durable-world.js';
import { range, sharedUrl, startBus } from './world.js';

const admin = new Redis(sharedUrl);
afterAll(() => admin.disconnect());

describe('what an instance has in its hands', { timeout: 60_000 }, () => {
  let namespace: string;
  /** What the member of this process has handled. */
  let handled: [n: number, attempt: number][];
  beforeEach(() => {
    namespace = uniqueNamespace();
    handled = [];
  });
  const publish = (...jobs: { n: number; takes?: number; does?: 'dies' | 'commits'; key?: string }[]) => {
    const publisher = startBus('publisher', { url: sharedUrl }, { namespace });
    return Promise.all(jobs.map((job) => publisher.publish(JobQueued, job)));
  };
  const join = (options: SubscribeOptions) =>
    startBus('workers', { url: sharedUrl }, { namespace }).subscribe(
      JobQueued,
      async ({ n, key = '', does }, { attempt, commit }) => {
        if (does === 'commits') await commit(['RPUSH', completedKey(namespace, key), n]);
        handled.push([n, attempt]);
      },
      options,
    );
  const nothingIsLeft = () => until(async () => (await leftIn(admin, `${namespace}:jobs.queued`, 'workers')) === 0);

  it('is claimed by another one within the claim timeout when it is killed, as a second attempt', async () => {
    const claimTimeout = 1500;
    const killed = await DurableProcess.start(namespace, { claimTimeout });
    await publish(...range(3).map((n) => ({ n, takes: 60_000 })));
    await killed.saying('begins 2 1');
    await join({ claimTimeout });
    killed.process.kill('SIGKILL');
    const began = performance.now();
    await until(() => handled.length === 3);
    expect(performance.now() - began).toBeLessThan(1.5 * claimTimeout); // a third of it between two looks
    expect(handled.sort()).toEqual(range(3).map((n) => [n, 2]));
    await nothingIsLeft();
  });

  it('goes to the dead letters when it has killed everybody who tried it', async () => {
    const options = { claimTimeout: 300, attempts: 2 };
    const two = await Promise.all(range(2).map(() => DurableProcess.start(namespace, options)));
    await publish({ n: 1, does: 'dies' });
    for (const each of two) expect(await each.exited).toEqual([null, 'SIGKILL']);
    expect(two.map(({ said }) => said.find((line) => line.startsWith('begins'))).sort()).toEqual([
      'begins 1 1',
      'begins 1 2',
    ]);
    const bus = startBus('workers', { url: sharedUrl }, { namespace });
    await bus.subscribe(JobQueued, ({ n }, { attempt }) => void handled.push([n, attempt]), {
      claimTimeout: 300,
      retry: { attempts: 2 },
    });
    const dead = () => bus.inspect(JobQueued).deadLetters('workers').list();
    await until(async () => (await dead()).length === 1);
    expect(handled).toEqual([]);
    const [letter] = await dead();
    expect(letter).toMatchObject({
      code: 'HANDLER_CRASHED',
      message: expect.stringContaining('The last of 2 attempts'),
    });
    expect(letter?.envelope?.data).toMatchObject({ n: 1 });
    await nothingIsLeft();
  });

  it('is no longer its own when it stood still for longer than the claim timeout: it is told so, and refused', async () => {
    const claimTimeout = 500;
    const stopped = await DurableProcess.start(namespace, { claimTimeout });
    await publish({ n: 1, takes: 1000 }, { n: 2, takes: 1000, does: 'commits', key: 'a' });
    await Promise.all([stopped.saying('begins 1 1'), stopped.saying('begins 2 1')]);
    stopped.process.kill('SIGSTOP');
    await join({ claimTimeout });
    await until(() => handled.length === 2);
    stopped.process.kill('SIGCONT');
    expect(await stopped.saying('aborted 1')).toBe('CLAIM_LOST');
    expect(await stopped.saying('aborted 2')).toBe('CLAIM_LOST');
    expect(await stopped.saying('rejected 2')).toBe('CLAIM_LOST');
    await stopped.saying('done 1');
    stopped.process.kill('SIGTERM');
    expect(await stopped.saying('lost')).toBe('2');
    expect(handled.sort()).toEqual([
      [1, 2],
      [2, 2],
    ]);
    expect(await admin.lrange(completedKey(namespace, 'a'), 0, -1)).toEqual(['2']);
    await nothingIsLeft();
  });

  it('stays its own while a slow handler leaves the event loop free', async () => {
    const attempts: number[] = [];
    const slow = async (_: { n: number }, { attempt }: MessageContext) => {
      attempts.push(attempt);
      await sleep(900);
    };
    for (const _ of range(2))
      await startBus('app', { url: sharedUrl }, { namespace }).subscribe(OrderPaid, slow, { claimTimeout: 300 });
    const publisher = startBus('publisher', { url: sharedUrl }, { namespace });
    await publisher.publish(OrderPaid, { n: 1 });
    await until(() => attempts.length === 1);
    await until(async () => (await leftIn(admin, `${namespace}:orders.paid`, 'app')) === 0);
    expect(attempts).toEqual([1]);
  });

  it('is handed over in milliseconds when it is told to end, and that is no attempt', async () => {
    const drained = await DurableProcess.start(namespace, { claimTimeout: '30s', concurrency: 4 });
    await publish(...range(6).map((n) => ({ n, takes: 60_000 }))); // four are begun
    await drained.saying('begins 3 1');
    await join({ claimTimeout: '30s', concurrency: 1 });
    await until(() => handled.length === 2); // what the other one had no hands for
    const began = performance.now();
    drained.process.kill('SIGTERM'); // it gives its handlers a tenth of a second
    await until(() => handled.length === 6);
    expect(performance.now() - began).toBeLessThan(3000);
    expect(handled.sort()).toEqual(range(6).map((n) => [n, 1]));
    expect(await drained.saying('aborted 0')).toBe('BUS_CLOSED');
    expect(await drained.exited).toEqual([0, null]);
    await nothingIsLeft();
  });

  it('goes to others at once as far as it is only read ahead, while the rest is finished', async () => {
    const gate = newGate();
    const done: [by: string, n: number][] = [];
    const [leaver, heir] = [0, 1].map(() => startBus('app', { url: sharedUrl }, { namespace }));
    const take = (by: string) => async (data: { n: number }) => {
      if (data.n === -1) await gate.opened;
      done.push([by, data.n]);
    };
    await leaver?.subscribe(OrderPaid, take('leaver'), { concurrency: 1 });
    const publisher = startBus('publisher', { url: sharedUrl }, { namespace });
    await Promise.all(range(200).map((n) => publisher.publish(OrderPaid, { n })));
    await until(() => done.length === 200);
    await Promise.all([-1, ...range(20, 200)].map((n) => publisher.publish(OrderPaid, { n })));
    await until(() => leaver?.subscriptions[0]?.stats.inFlight === 1);
    await heir?.subscribe(OrderPaid, take('heir'));
    const began = performance.now();
    const closed = leaver?.close({ timeout: '10s' });
    await until(() => done.length === 220);
    expect(performance.now() - began).toBeLessThan(3000);
    gate.open();
    await closed;
    expect(done.at(-1)).toEqual(['leaver', -1]);
    const rest = done.slice(200, -1).map(([, n]) => n);
    expect(rest.sort((a, b) => a - b)).toEqual(range(20, 200));
  });
});
