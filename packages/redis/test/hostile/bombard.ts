import type { Bus } from '@belfry/core';
import { uniqueNamespace } from '@belfry/testing';
import type { Redis } from 'ioredis';
import { expect } from 'vitest';
import { until } from '../durable-world.js';
import { collectingLogger, sharedUrl, startBus } from '../world.js';
import { Corpus } from './corpus.js';
import { Random } from '@belfry/core/random';
import { targetOf, type Way } from './hostile-world.js';
import { tally } from './verdict.js';
import { ProcessWatch } from './watch.js';

export interface Bombardment {
  readonly seed: number;
  readonly messages: number;
  /** `maxMessageBytes` */
  readonly limit: number;
}

/** Sends raw messages to one channel, in order. Resolves when Redis has them all. */
export async function sendAll(stranger: Redis, command: string, channel: string, messages: readonly Buffer[]) {
  const receivers = await Promise.all(messages.map((message) => stranger.call(command, channel, message)));
  return receivers.map(Number);
}

/** Writes to a channel whatever the seed says, and expects of its subscription that it takes what is good, in order, and counts the rest. */
export async function bombard(way: Way, stranger: Redis, { seed, messages, limit }: Bombardment): Promise<Bus> {
  const watch = new ProcessWatch();
  const logger = collectingLogger();
  const bus = startBus('app', { url: sharedUrl }, { namespace: uniqueNamespace(), logger, maxMessageBytes: limit });
  const [given, taken]: unknown[][] = [[], []];
  const { stats } = await way.open(bus, (data) => void taken!.push(data));
  const corpus = new Corpus(new Random(seed), targetOf(way.contract, limit));
  const sent = Array.from({ length: messages }, () => corpus.message());
  const last = corpus.good(-1);
  sent.push(Buffer.from(way.title.startsWith('a bare') ? JSON.stringify({ n: -1 }) : last));
  await sendAll(stranger, way.command, way.channel(bus), sent);

  const bodies = sent.flatMap(way.bodiesIn);
  const verdicts = bodies.map((body) => way.judge(body, limit));
  for (const [i, body] of bodies.entries()) if (verdicts[i] === 'good') given!.push(way.dataIn(body));
  await until(() => taken!.length >= given!.length && stats.received >= bodies.length);
  expect(taken).toEqual(given);
  const { good, ...rejected } = tally(verdicts);
  expect(stats).toMatchObject({ received: bodies.length, handled: good, failed: 0, dropped: 0, rejected });
  expect(stats).toMatchObject({ queued: 0, inFlight: 0 });
  watch.expectUnharmed();
  watch.expectDiscreet(logger.lines, 1);
  return bus;
}
