import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startProxy, startRedis, uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { CountTo, DoWork } from './work.js';
import { collectingLogger, range, sharedUrl, startBus } from './world.js';

/** A process of work-process.ts, and what it has said. */
class WorkProcess {
  readonly said: string[] = [];
  readonly process: ChildProcess;
  readonly exited: Promise<unknown>;

  constructor(role: string, namespace: string, url = sharedUrl) {
    const script = fileURLToPath(new URL('./work-process.ts', import.meta.url));
    this.process = spawn(
      process.execPath,
      ['--conditions=@belfry/source', '--import', 'tsx', script, role, url, namespace],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    onTestFinished(() => void this.process.kill('SIGKILL'));
    this.exited = once(this.process, 'exit');
    createInterface({ input: this.process.stdout as NodeJS.ReadableStream }).on('line', (line) => this.said.push(line));
  }

  /** Waits until it has said something that begins so, and gives the rest of the line. */
  async saying(beginning: string): Promise<string> {
    const line = () => this.said.find((each) => each.startsWith(beginning));
    await vi.waitUntil(() => line() !== undefined, { timeout: 15_000 });
    return (line() as string).slice(beginning.length).trim();
  }
}

/** A promise, and what settles it. */
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

describe('requests over Redis', () => {
  it('says at once that nobody responds, also while a debugging tool listens to everything', async () => {
    const namespace = uniqueNamespace();
    const tap = new Redis(sharedUrl);
    onTestFinished(() => tap.disconnect());
    await tap.psubscribe(`*${namespace}*`); // no wider: others count who listens, too
    const caller = startBus('callers', { url: sharedUrl }, { namespace });
    const began = performance.now();
    await expect(caller.request(DoWork, { n: 1 })).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
    expect(performance.now() - began).toBeLessThan(2000);

    const worker = startBus('workers', { url: sharedUrl }, { namespace });
    const responder = await worker.respond(DoWork, ({ n }) => ({ n, by: 'me' }));
    expect(await caller.request(DoWork, { n: 2 })).toEqual({ n: 2, by: 'me' });
    await responder.end();
    await expect(caller.request(DoWork, { n: 3 })).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
  });

  it('ends with a timeout that names the instance when the responder is killed at work, and others go on', async () => {
    const namespace = uniqueNamespace();
    const caller = startBus('callers', { url: sharedUrl }, { namespace });
    const [victim, survivor] = [new WorkProcess('worker', namespace), new WorkProcess('worker', namespace)];
    const [dead, alive] = [await victim.saying('ready'), await survivor.saying('ready')];

    const work = [0, 1].map((n) => caller.request(DoWork, { n, takes: 60_000 }, { timeout: '3s' }).catch((e) => e));
    await victim.saying('begins');
    victim.process.kill('SIGKILL');
    await victim.exited;
    for (const n of range(10, 10)) expect(await caller.request(DoWork, { n })).toEqual({ n, by: alive });
    const errors = await Promise.all(work);
    expect(errors.map(codeOf)).toEqual(['REQUEST_TIMEOUT', 'REQUEST_TIMEOUT']);
    expect(errors.map(String).filter((text) => text.includes(`workers/${dead}`))).toHaveLength(1);
    expect(errors.map(String).filter((text) => text.includes(`workers/${alive}`))).toHaveLength(1);
    expect(caller.requests.inFlight).toBe(0);
  });

  it('aborts the handler when its caller has been killed', async () => {
    const namespace = uniqueNamespace();
    const worker = startBus('workers', { url: sharedUrl }, { namespace });
    const aborted = withResolvers<unknown>();
    await worker.respond(DoWork, async ({ n }, { signal }) => {
      await once(signal, 'abort');
      aborted.resolve(signal.reason);
      return { n, by: '' };
    });
    let stopped = false;
    await worker.respond(CountTo, async function* () {
      try {
        for (let n = 0; ; n++) yield n;
      } finally {
        stopped = true;
      }
    });
    const callers = [new WorkProcess('caller', namespace), new WorkProcess('taker', namespace)];
    await callers[0]?.saying('asked');
    await callers[1]?.saying('took');
    await vi.waitUntil(() => worker.responders.every(({ stats }) => stats.inFlight === 1));
    for (const { process } of callers) process.kill('SIGKILL');
    expect(await aborted.promise).toMatchObject({ code: 'REQUEST_ABORTED' });
    await vi.waitUntil(() => stopped, { timeout: 10_000 });
    await vi.waitUntil(() => worker.responders.every(({ stats }) => stats.inFlight === 0 && stats.cancelled === 1));
  });

  it('ends the loop with an error when the responder of a stream is killed half way', async () => {
    const namespace = uniqueNamespace();
    const caller = startBus('callers', { url: sharedUrl }, { namespace });
    const worker = new WorkProcess('worker', namespace);
    await worker.saying('ready');
    const taken: number[] = [];
    const loop = (async () => {
      for await (const n of caller.request(CountTo, { count: 1e9, pause: 1 }, { timeout: '2s' })) {
        taken.push(n);
        if (taken.length === 50) worker.process.kill('SIGKILL');
      }
    })();
    await expect(loop).rejects.toMatchObject({ code: expect.stringMatching(/^(REQUEST_TIMEOUT|REPLY_LOST)$/) });
    expect(taken).toEqual(range(taken.length));
    expect(caller.requests.inFlight).toBe(0);
  });

  it('brings the answer when Redis was restarted while the handler worked', async () => {
    await using redis = await startRedis({ fresh: true });
    const options = { url: redis.url, heartbeat: 500 };
    const [caller, worker] = [startBus('callers', options), startBus('workers', options)];
    const gate = withResolvers<void>();
    let begun = 0;
    await worker.respond(DoWork, async ({ n }) => {
      begun++;
      await gate.promise;
      return { n, by: 'me' };
    });
    await worker.respond(CountTo, async function* ({ count }) {
      yield* range(count / 2);
      begun++;
      await gate.promise;
      yield* range(count / 2, count / 2);
    });
    const answers = range(20).map((n) => caller.request(DoWork, { n }, { timeout: '15s' }));
    const taken: number[] = [];
    const loop = (async () => {
      for await (const n of caller.request(CountTo, { count: 100 }, { timeout: '15s' })) taken.push(n);
    })();
    await vi.waitUntil(() => begun === 17 && taken.length === 50); // 16 at a time, and the stream
    const restarted = redis.restart({ empty: true });
    gate.resolve(); // answers while it is away
    await restarted;
    expect((await Promise.all(answers)).map(({ n }) => n)).toEqual(range(20));
    await loop;
    expect(taken).toEqual(range(100));
    // Asked in the moment in which everybody is coming back: it tries again first.
    expect(await caller.request(DoWork, { n: 99 })).toEqual({ n: 99, by: 'me' });
    expect(caller.requests).toMatchObject({ asked: 22, answered: 22, failed: 0, inFlight: 0 });
  });

  it('tries again before it says that nobody responds, shortly after its own connection was interrupted', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    const namespace = uniqueNamespace();
    const logger = collectingLogger();
    const caller = startBus('callers', { url: proxy.url }, { namespace, logger });
    await expect(caller.request(DoWork, { n: 0 })).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
    proxy.cut();
    await vi.waitUntil(() => logger.lines.filter((line) => line.includes('Redis is back')).length === 2);
    const answer = caller.request(DoWork, { n: 1 });
    const worker = startBus('workers', { url: sharedUrl }, { namespace });
    await worker.respond(DoWork, ({ n }) => ({ n, by: 'me' }));
    expect(await answer).toEqual({ n: 1, by: 'me' });
  });

  it('is answered although the connection of the caller, or of the responder, was cut meanwhile', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    const namespace = uniqueNamespace();
    const caller = startBus('callers', { url: proxy.url }, { namespace });
    const worker = startBus('workers', { url: proxy.url }, { namespace });
    const gate = withResolvers<void>();
    await worker.respond(DoWork, async ({ n }) => {
      if (n === 0) await gate.promise;
      return { n, by: 'me' };
    });
    const answer = caller.request(DoWork, { n: 0 }, { timeout: '10s' });
    await vi.waitUntil(() => worker.responders[0]?.stats.inFlight === 1);
    proxy.cut({ name: /callers/ });
    gate.resolve();
    expect(await answer).toEqual({ n: 0, by: 'me' });
    for (const n of range(5, 1)) {
      proxy.cut({ name: /workers.*:commands/ });
      expect(await caller.request(DoWork, { n }, { timeout: '10s' })).toEqual({ n, by: 'me' });
    }
  });

  it('says that it could not be sent while Redis is away, and never sends it afterwards', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    const namespace = uniqueNamespace();
    const logger = collectingLogger();
    const caller = startBus('callers', { url: proxy.url }, { namespace, logger });
    const worker = startBus('workers', { url: sharedUrl }, { namespace });
    const handled: number[] = [];
    await worker.respond(DoWork, ({ n }) => {
      handled.push(n);
      return { n, by: 'me' };
    });
    await caller.request(DoWork, { n: 0 });
    proxy.refuse();
    proxy.cut();
    await vi.waitUntil(() => logger.lines.some((line) => line.includes('Redis is away')));
    await expect(caller.request(DoWork, { n: 1 }, { timeout: '300ms' })).rejects.toMatchObject({
      code: 'TRANSPORT_UNAVAILABLE',
    });
    proxy.accept();
    await vi.waitUntil(
      () =>
        caller.request(DoWork, { n: 2 }).then(
          () => true,
          () => false,
        ),
      { timeout: 10_000 },
    );
    expect(handled).toEqual([0, 2]);
  });

  it('settles a thousand concurrent requests with mixed timeouts, and keeps nothing', async () => {
    const namespace = uniqueNamespace();
    const callers = [0, 1].map(() => startBus('callers', { url: sharedUrl }, { namespace }));
    const workers = [0, 1, 2].map(() => startBus('workers', { url: sharedUrl }, { namespace }));
    for (const worker of workers) {
      const handler = async ({ n, takes }: { n: number; takes: number }) => {
        await sleep(takes);
        return { n, by: 'me' };
      };
      await worker.respond(DoWork, handler, { concurrency: 50 });
    }
    const controller = new AbortController();
    const outcomes = await Promise.all(
      range(1000).map(async (n) => {
        const [takes, timeout] = [(n * 7) % 300, 1 + ((n * 13) % 500)];
        const signal = n % 10 === 0 ? { signal: controller.signal } : {};
        const asked = callers[n % 2]?.request(DoWork, { n, takes }, { timeout, ...signal });
        if (n === 999) setTimeout(() => controller.abort(), 50);
        return asked?.then((answer) => answer.n === n, codeOf);
      }),
    );
    const count = (outcome: unknown) => outcomes.filter((each) => each === outcome).length;
    expect(count(true) + count('REQUEST_TIMEOUT') + count('REQUEST_ABORTED') + count('TRANSPORT_UNAVAILABLE')).toBe(
      1000,
    );
    for (const outcome of [true, 'REQUEST_TIMEOUT', 'REQUEST_ABORTED']) expect(count(outcome)).toBeGreaterThan(0);
    await vi.waitUntil(() => workers.every(({ responders }) => responders[0]?.stats.inFlight === 0));
    const late = () => callers.reduce((sum, { requests }) => sum + requests.late, 0);
    await vi.waitUntil(() => late() > 0);
    for (const { requests } of callers) {
      expect(requests.inFlight).toBe(0);
      expect(requests.asked).toBe(requests.answered + requests.failed);
    }
  });

  it('carries a million values through bounded memory on both sides, and holds the generator back', async () => {
    const namespace = uniqueNamespace();
    const worker = new WorkProcess('worker', namespace);
    await worker.saying('ready');
    const caller = startBus('callers', { url: sharedUrl }, { namespace });
    const before = process.memoryUsage().rss;
    let next = 0;
    let peak = before;
    for await (const n of caller.request(CountTo, { count: 1_000_000 }, { timeout: '20s' })) {
      if (n !== next++) throw new Error(`${n} came instead of ${next - 1}`);
      if (n % 10_000 === 0) peak = Math.max(peak, process.memoryUsage().rss);
    }
    expect(next).toBe(1_000_000);
    expect(peak - before).toBeLessThan(200 * 2 ** 20);
    expect(Number(await worker.saying('peak'))).toBeLessThan(400 * 2 ** 20);
  }, 120_000);

  it('loses and doubles nothing in a rolling restart under load', async () => {
    const namespace = uniqueNamespace();
    const caller = startBus('callers', { url: sharedUrl }, { namespace });
    const start = async () => {
      const worker = new WorkProcess('worker', namespace);
      await worker.saying('ready');
      return worker;
    };
    const workers = await Promise.all([start(), start(), start()]);
    let isOver = false;
    const answers: Promise<{ n: number }>[] = [];
    const load = (async () => {
      while (!isOver) {
        for (let burst = 0; burst < 5; burst++) {
          const n = answers.length;
          answers.push(caller.request(DoWork, { n, takes: 50 + ((n * 37) % 450) }, { timeout: '20s' }));
        }
        await sleep(20); // 250 a second
      }
    })();
    const stopped: WorkProcess[] = [];
    for (const [round, index] of [0, 1, 2, 0, 1, 2].entries()) {
      const old = workers[index] as WorkProcess;
      // In the first round the successor comes before the old one goes, in the second after.
      const early = round < 3 ? await start() : undefined;
      old.process.kill('SIGTERM');
      expect(await old.exited).toEqual([0, null]);
      stopped.push(old);
      workers[index] = early ?? (await start());
    }
    isOver = true;
    await load;
    const settled = await Promise.allSettled(answers);
    expect(settled.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect((await Promise.all(answers)).map(({ n }) => n)).toEqual(range(answers.length));
    const done = () => [...stopped, ...workers].flatMap(({ said }) => said.filter((line) => line.startsWith('done')));
    await vi.waitUntil(() => done().length === answers.length);
    expect(new Set(done()).size).toBe(answers.length);
  }, 120_000);
});
