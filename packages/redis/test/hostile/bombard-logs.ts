import { uniqueNamespace } from '@belfry/testing';
import type { Redis } from 'ioredis';
import { expect } from 'vitest';
import { logKey } from '../../src/names.js';
import { leftIn, until } from '../durable-world.js';
import { collectingLogger, sharedUrl, startBus } from '../world.js';
import { Logged } from './broken-keys.js';
import { Corpus, SECRET } from './corpus.js';
import { Random } from '@belfry/core/random';
import { targetOf } from './hostile-world.js';
import { tally, verdictOf } from './verdict.js';
import { ProcessWatch } from './watch.js';

interface Entry {
  readonly fields: readonly (string | Buffer)[];
  /** Absent where it has no envelope. */
  readonly body: Buffer | undefined;
  readonly only: string | undefined;
}

const numbers = ['', '0', '1', '7', '-1', '1e308', 'nan', 'inf', '0x10', '9'.repeat(300), SECRET];
const keys = ['', ' ', 'a', 'b', 'a = b', '\0', '{}', '1 2 3 4 =k', '__proto__', SECRET, 'k'.repeat(100_000)];
const groups = ['app', 'audit', '', '__proto__', 'app '];

/** An entry of a log as a stranger may write it. */
function entryOf(dice: Random, corpus: Corpus): Entry {
  const body = dice.chance(0.9) ? corpus.body() : undefined;
  const only = dice.chance(0.1) ? dice.pick(groups) : undefined;
  const fields: (readonly (string | Buffer)[])[] = [];
  if (body !== undefined) fields.push(['e', body]);
  if (dice.chance(0.3)) fields.push(['n', dice.pick(numbers)]);
  if (dice.chance(0.3)) fields.push(['k', dice.pick(keys)]);
  if (only !== undefined) fields.push(['g', only]);
  if (dice.chance(0.2) || fields.length === 0)
    fields.push([Buffer.from(dice.bytes(4)), Buffer.from(dice.bytes(20))], ['__proto__', SECRET]);
  if (dice.chance(0.5)) fields.reverse();
  return { fields: fields.flat(), body, only };
}

/** Writes whatever the seed says to a log that a group and a broadcast read, and expects of both that they handle what is good, and nothing else. */
export async function bombardLog(stranger: Redis, seed: number, count: number, limit: number): Promise<void> {
  const [watch, logger, namespace] = [new ProcessWatch(), collectingLogger(), uniqueNamespace()];
  const bus = startBus('app', { url: sharedUrl }, { namespace, logger, maxMessageBytes: limit });
  const channel = `${namespace}:${Logged.name}`;
  const [handled, read]: [number[], number[]] = [[], []];
  const shared = await bus.subscribe(Logged, ({ n }) => void handled.push(n));
  const alone = await bus.subscribe(Logged, ({ n }) => void read.push(n), { broadcast: true });
  const dice = new Random(seed);
  const corpus = new Corpus(dice, targetOf(Logged, limit));
  const entries = Array.from({ length: count }, () => entryOf(dice, corpus));
  await Promise.all(entries.map(({ fields }) => stranger.xadd(logKey(channel), '*', ...fields)));
  await bus.publish(Logged, { n: -1 });

  const judged = entries.map(({ body = Buffer.alloc(0), only }) => {
    const text = body.toString();
    return { text, only, verdict: verdictOf(text, limit, targetOf(Logged, limit)) };
  });
  const toGroup = judged.filter(({ only }) => only === undefined || only === 'app');
  const toAll = judged.filter(({ only }) => only === undefined || only === '');
  const subscriptions = [
    { its: toGroup, stats: shared.stats, taken: handled },
    { its: toAll, stats: alone.stats, taken: read },
  ];
  for (const { its, stats, taken } of subscriptions) {
    const { good, ...rejected } = tally(its.map(({ verdict }) => verdict));
    await until(() => stats.received >= its.length + 1 && stats.handled >= good + 1);
    const given = its.filter(({ verdict }) => verdict === 'good').map(({ text }) => JSON.parse(text).data.n);
    expect(taken.toSorted()).toEqual([...given, -1].toSorted()); // keys may change the order
    const dead = its.length - good;
    expect(stats).toMatchObject({ received: its.length + 1, handled: good + 1, failed: 0, rejected });
    expect(stats.durable).toMatchObject({ deadLettered: dead, lost: 0 });
  }
  await until(async () => (await leftIn(stranger, channel, 'app')) === 0);
  const [group] = await bus.inspect(Logged).groups();
  expect(group).toMatchObject({ group: 'app', pending: 0, deadLetters: shared.stats.durable?.deadLettered });
  watch.expectUnharmed();
  watch.expectDiscreet(logger.lines, 2);
}
