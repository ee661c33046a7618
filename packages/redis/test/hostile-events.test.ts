import { uniqueNamespace } from '@belfry/testing';
import { describe, expect, it } from 'vitest';
import { broadcastChannel, inboxChannel, probeChannel } from '../src/names.js';
import { until } from './durable-world.js';
import { bombard, sendAll } from './hostile/bombard.js';
import { Corpus, SECRET } from './hostile/corpus.js';
import { Random } from '@belfry/core/random';
import { allWays, Noted, startStranger, targetOf } from './hostile/hostile-world.js';
import { ProcessWatch } from './hostile/watch.js';
import { collectingLogger, sharedUrl, startBus } from './world.js';

const LIMIT = 20_000;

describe.each(allWays(uniqueNamespace()).map((way) => [way.title, way] as const))(
  'strangers who write to %s',
  (_, way) => {
    it.each([1, 2])('reach its handler with what is good, and with nothing else (seed %i)', async (seed) => {
      await bombard(way, startStranger(), { seed, messages: 300, limit: LIMIT });
    });
  },
);

describe('strangers', () => {
  /** A bus with a handler for events of a group, and a way to see that it still handles them. */
  async function startApp(maxMessageBytes = LIMIT) {
    const [watch, stranger, logger] = [new ProcessWatch(), startStranger(), collectingLogger()];
    const bus = startBus('app', { url: sharedUrl }, { namespace: uniqueNamespace(), logger, maxMessageBytes });
    const handled: number[] = [];
    const { stats } = await bus.subscribe(Noted, ({ n }) => void handled.push(n));
    const corpus = new Corpus(new Random(3), targetOf(Noted, maxMessageBytes));
    const channel = `${bus.namespace}:${Noted.name}`;
    return { watch, stranger, logger, bus, handled, stats, corpus, channel };
  }

  it('reach no handler with what they publish on the public channel of an event', async () => {
    const { watch, stranger, logger, bus, handled, stats, corpus, channel } = await startApp();
    const everything: unknown[] = [];
    await bus.subscribe('hostile.*', (data: unknown) => void everything.push(data));
    const sent = Array.from({ length: 200 }, () => corpus.message());
    await sendAll(stranger, 'PUBLISH', channel, [...sent, Buffer.from(corpus.good(1))]);
    await bus.publish(Noted, { n: 2 });
    await until(() => handled.length > 0 && everything.length > 0);
    expect([handled, everything]).toEqual([[2], [{ n: 2 }]]);
    expect(stats.received).toBe(1);
    watch.expectUnharmed();
    expect(logger.lines).toEqual([]);
  });

  it('say nothing to anybody on the channel of the probe', async () => {
    const { watch, stranger, logger, bus, handled, corpus } = await startApp();
    const beats = ['', '0', '-1', '1e308', 'NaN', 'Infinity', '0x0', '[]', '9'.repeat(400)].map((each) =>
      Buffer.from(each),
    );
    const sent = [...beats, ...Array.from({ length: 200 }, () => corpus.message())];
    expect(await sendAll(stranger, 'SPUBLISH', probeChannel(bus.instance), sent)).toEqual(sent.map(() => 1));
    await bus.publish(Noted, { n: 1 });
    await until(() => handled.length === 1);
    expect((await bus.publish(Noted, { n: 2 })).groups).toEqual({ app: 1 });
    watch.expectUnharmed();
    expect(logger.lines).toEqual([]);
  });

  it.each(['**', 'hostile.**', '**.noted', '**.a.**.b.**', 'a.**.a.**.b'])(
    'do not stop %s with a channel that has very many segments',
    async (pattern) => {
      const { watch, stranger, bus, corpus } = await startApp();
      const taken: unknown[] = [];
      await bus.subscribe(pattern, (_: unknown, { messageId }) => void taken.push(messageId));
      const names = ['a', 'a.a.a.a.a.a.a.a.a.a.a.a', 'hostile.a'].map((name) => `${name}${'.a'.repeat(50_000)}.noted`);
      for (const name of names) await stranger.publish(broadcastChannel(`${bus.namespace}:${name}`), corpus.good(1));
      const matching = pattern.replace(/^\*\*/, 'x').replace(/\*\*$/, 'x').replaceAll('**', 'x');
      await stranger.publish(broadcastChannel(`${bus.namespace}:${matching}`), corpus.good(2, { id: 'the-last' }));
      await until(() => taken.at(-1) === 'the-last', 15_000);
      watch.expectUnharmed();
    },
  );

  it('may write some megabytes, and the next event is handled soon', async () => {
    const { watch, stranger, logger, bus, handled, stats, corpus, channel } = await startApp(1_048_576);
    const inbox = inboxChannel(channel, 'app', bus.instance);
    const [few, many] = [4 << 20, 100_000];
    const sent = [
      'x'.repeat(few),
      '\x1e'.repeat(few),
      '['.repeat(few),
      `${'['.repeat(many)}${']'.repeat(many)}`,
      corpus.good(1, { data: { n: 1, note: SECRET.repeat(few / SECRET.length) } }),
      '\x1e{}\n'.repeat(many),
      corpus.good(1, { data: 'DATA' }).replace('"DATA"', `{"n":7,"deep":${'['.repeat(many)}${']'.repeat(many)}}`),
      corpus.good(1, { data: Array(few >> 7).fill(SECRET) }),
      corpus.good(8),
    ].map((each) => Buffer.from(each));
    await sendAll(stranger, 'SPUBLISH', inbox, sent);
    await until(() => handled.length === 2);
    expect(handled).toEqual([7, 8]);
    expect(stats).toMatchObject({ received: 8 + 1024, rejected: { tooLarge: 4, unreadable: 1 + 1024, invalid: 1 } });
    watch.expectUnharmed(3000); // by all of them together
    watch.expectDiscreet(logger.lines, 1);
  });

  it('cannot make a log line long by what they call themselves', async () => {
    const { watch, stranger, logger, handled, bus, corpus, channel } = await startApp(1_048_576);
    const long = 'y'.repeat(300_000);
    const sent = [
      corpus.good(1, { id: long, data: {} }),
      corpus.good(1, { source: long, data: {} }),
      corpus.good(1, { type: long }),
      corpus.good(1, { dataversion: long }),
      corpus.good(2),
    ].map((each) => Buffer.from(each));
    await sendAll(stranger, 'SPUBLISH', inboxChannel(channel, 'app', bus.instance), sent);
    await until(() => handled.length === 1);
    watch.expectUnharmed();
    expect(logger.lines).toHaveLength(4);
    watch.expectDiscreet(logger.lines, 1);
  });
});
