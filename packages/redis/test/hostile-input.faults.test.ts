// The long tail of the other hostile-*.test.ts: more seeds, the usual limit, floods. A seed that fails is in the name of its test;
// BELFRY_HOSTILE_SEED=17 runs that one alone.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { uniqueNamespace } from '@belfry/testing';
import { describe, expect, it } from 'vitest';
import { inboxChannel } from '../src/names.js';
import { until } from './durable-world.js';
import { bombard, sendAll } from './hostile/bombard.js';
import { bombardLog } from './hostile/bombard-logs.js';
import { Ask, bombardInboxes, bombardResponder, startTalk, target } from './hostile/bombard-requests.js';
import { breakAndMend, breakages, KEYS } from './hostile/broken-keys.js';
import { Corpus } from './hostile/corpus.js';
import { Random } from '@belfry/core/random';
import { allWays, Noted, startStranger, targetOf } from './hostile/hostile-world.js';
import { ProcessWatch } from './hostile/watch.js';
import { collectingLogger, range, sharedUrl, startBus } from './world.js';

const given = process.env.BELFRY_HOSTILE_SEED;
const today = Math.floor(Date.now() / 86_400_000) * 100; // other ones each day
const seeds = given === undefined ? [...range(3, 100), ...range(2, today)] : [Number(given)];

describe.each(seeds)('strangers whose seed is %i', (seed) => {
  it.each(allWays(uniqueNamespace()).map((way) => [way.title, way] as const))('write to %s', async (_, way) => {
    await bombard(way, startStranger(), { seed, messages: 350, limit: 20_000 });
  });

  it('write to the inbox of a responder', () => bombardResponder(seed, 300));
  it('write letters to instances', () => bombardInboxes(seed, 300));
  it('write to a log', () => bombardLog(startStranger(), seed, 300, 20_000));
});

describe('strangers who write as much as they may', () => {
  it('reach a handler with what is good, under the usual limit', async () => {
    const [way] = allWays(uniqueNamespace());
    await bombard(way!, startStranger(), { seed: seeds[0]!, messages: 150, limit: 1_048_576 });
  });

  it('and ask for callers that do not exist leave nothing behind that grows without bound', async () => {
    const { watch, loggers, caller, responder, responderInbox, send } = startTalk();
    const { stats } = await responder.respond(Ask, ({ n }) => ({ n }), { concurrency: 100 });
    const corpus = new Corpus(new Random(4), target);
    const requests = range(10_500).map((n) => Buffer.from(corpus.good(n, { timeoutms: 1e308 })));
    await send(responderInbox, ...requests);
    await until(() => stats.handled === 10_500, 20_000);
    expect(await caller.request(Ask, { n: 7 })).toEqual({ n: 7 });
    await until(() => loggers[1].lines.some((line) => line.includes('Too many messages about requests wait')));
    watch.expectUnharmed(10_000);
    watch.expectDiscreet(loggers[1].lines, 2);
  }, 60_000);

  it('under ever new names, on one channel, do not fill the memory of a subscriber', async () => {
    const [stranger, logger, watch] = [startStranger(), collectingLogger(), new ProcessWatch()];
    const bus = startBus('app', { url: sharedUrl }, { namespace: uniqueNamespace(), logger });
    let [handled, everything, all] = [0, 0, 0];
    await bus.subscribe(Noted, () => void handled++);
    await bus.subscribe('hostile.*', () => void everything++);
    await bus.subscribe(Noted, () => void all++, { broadcast: true });
    const corpus = new Corpus(new Random(6), targetOf(Noted, 1_048_576));
    const channel = `${bus.namespace}:${Noted.name}`;
    const write = async (count: number) => {
      const source = (n: number) => `/${handled}-${n}/${'x'.repeat(20_000)}`;
      const forged = (n: number) =>
        n % 2 === 0
          ? corpus.good(n, { source: source(n), sequence: '1' })
          : `{"sequence":"1",${corpus.good(n, { source: `/${handled}-${n}/x`, note: 'x'.repeat(20_000) }).slice(1)}`; // as Belfry writes it
      const sent = range(count).map((n) => Buffer.from(forged(n)));
      const before = handled;
      await sendAll(stranger, 'SPUBLISH', inboxChannel(channel, 'app', bus.instance), sent);
      await sendAll(stranger, 'PUBLISH', `belfry:{${channel}}:all`, sent);
      await until(() => Math.min(handled, everything, all) === before + count);
    };
    await write(600);
    const heap = await settledHeap();
    for (let round = 0; round < 5; round++) await write(600);
    // 3000 publishers whose names alone have 60 MB, which three subscriptions have seen.
    expect((await settledHeap()) - heap).toBeLessThan(20 << 20);
    watch.expectUnharmed(10_000);
    expect(logger.lines.length).toBeLessThan(100);
  }, 30_000);
});

describe('a key of a durable channel that has become something else', () => {
  it.each(['a list', 'a set'])('(%s) stops nobody for longer than that, and nothing is lost', async (what) => {
    const redis = startStranger();
    const keys = KEYS.filter((key) => what !== 'a list' || !key.startsWith('lane')); // that is a list
    const outcomes = await Promise.allSettled(keys.map((key) => breakAndMend(redis, key, breakages[what]!)));
    const wrong = outcomes.flatMap((outcome, i) => (outcome.status === 'rejected' ? [[keys[i], outcome.reason]] : []));
    expect(wrong.map(([key, { message, actual }]) => ({ key, message, actual }))).toEqual([]);
  });
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What is in use when garbage was collected, in bytes. */
async function settledHeap(): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 50));
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
