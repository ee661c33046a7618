import { expect } from 'vitest';
import { type MessageContext, runInContext } from '../../context.js';
import type { Middleware } from '../../middleware.js';
import { behaviour } from '../behaviour.js';
import { Booked, Counted, KeyedBooked, type KeyedNumber, type Numbered } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { ALL_DONE, untilStands } from '../logs.js';
import { nextTurn, until } from '../waiting.js';

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** What goes around a handler goes around the handler of a durable event, too. */
export const durableContext = [
  ...[false, true].map((broadcast) =>
    behaviour(
      `carries correlation, cause and trace through durable events, ${broadcast ? 'broadcast' : 'in groups'}`,
      ['durable events'],
      async (world) => {
        const [publisher, relay, end] = [
          await world.bus('publisher'),
          await world.bus('relay'),
          await world.bus('end'),
        ];
        const [first, second, third] = [new Inbox<KeyedNumber>(), new Inbox<Numbered>(), new Inbox<Numbered>()];
        const handle = async (data: KeyedNumber, context: MessageContext) => {
          first.take(data, context);
          await nextTurn();
          if (context.attempt === 1) throw new Error('not yet');
          await relay.publish(Booked, { n: data.n });
          await relay.publish(Counted, { n: data.n });
        };
        await relay.subscribe(KeyedBooked, handle, { broadcast, retry: { backoff: { delay: 1 } } });
        await end.subscribe(Booked, second.take, { broadcast });
        await end.subscribe(Counted, third.take, { broadcast: true });
        const flow = { correlationId: 'request 7', messageId: 'request 7.1', traceparent, tracestate: 'vendor=1' };
        const { id } = await runInContext(flow, () => publisher.publish(KeyedBooked, { n: 1, key: 'c 1' }));
        await second.first(1);
        await third.first(1);
        const trace = { correlationId: 'request 7', traceparent, tracestate: 'vendor=1' };
        for (const [index, context] of first.contexts.entries())
          expect(context).toMatchObject({
            ...trace,
            type: 'conformance.keyed-booked',
            version: 1,
            messageId: id,
            causationId: 'request 7.1',
            group: broadcast ? undefined : 'relay',
            key: 'c 1',
            attempt: index + 1,
            channel: world.channel(KeyedBooked),
            source: `/publisher/${publisher.instance}`,
            data: { n: 1, key: 'c 1' },
          });
        expect(first.size).toBe(2);
        for (const inbox of [second, third]) expect(inbox.contexts[0]).toMatchObject({ ...trace, causationId: id });
        expect([second.size, third.size]).toEqual([1, 1]);
      },
    ),
  ),

  behaviour(
    'goes through middleware on both sides of a durable event, in each attempt',
    ['durable events'],
    async (world) => {
      const steps: string[] = [];
      const layer =
        (name: string): Middleware =>
        async (call, next) => {
          const attempt = call.side === 'handle' ? ` ${call.context.attempt}` : '';
          steps.push(`${name} before ${call.side}${attempt}`);
          try {
            return await next();
          } finally {
            steps.push(`${name} after ${call.side}${attempt}`);
          }
        };
      const options = { middleware: [layer('outer'), layer('inner')] };
      const [publisher, worker] = [await world.bus('publisher', options), await world.bus('worker', options)];
      const handle = (_: Numbered, { attempt }: MessageContext) => {
        steps.push(`attempt ${attempt}`);
        if (attempt === 1) throw new Error('not yet');
      };
      await worker.subscribe(Booked, handle, { retry: { backoff: { delay: 1 } } });
      expect(await publisher.publish(Booked, { n: 1 })).toMatchObject({ entry: expect.any(String) });
      await untilStands(publisher, Booked, 'worker', ALL_DONE);
      expect(steps.filter((step) => step.includes('publish'))).toEqual([
        'outer before publish',
        'inner before publish',
        'inner after publish',
        'outer after publish',
      ]);
      const around = (attempt: number) => [
        `outer before handle ${attempt}`,
        `inner before handle ${attempt}`,
        `attempt ${attempt}`,
        `inner after handle ${attempt}`,
        `outer after handle ${attempt}`,
      ];
      expect(steps.filter((step) => !step.includes('publish'))).toEqual([...around(1), ...around(2)]);
    },
  ),

  behaviour('tries again what middleware refused to handle', ['durable events'], async (world) => {
    const refusal = new Error('not for me');
    let refused = 0;
    const refuse: Middleware = (call, next) => {
      if (call.side === 'handle' && refused++ < 1) throw refusal; // not even asynchronous
      return next();
    };
    const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker', { middleware: [refuse] })];
    const inbox = new Inbox<Numbered>();
    const { stats } = await worker.subscribe(Booked, inbox.take, { retry: { backoff: { delay: 1 } } });
    await publisher.publish(Booked, { n: 1 });
    expect(await inbox.first(1)).toEqual([{ n: 1 }]);
    expect(inbox.contexts[0]?.attempt).toBe(2);
    await until(() => stats.handled === 1, 'the success to be counted');
    expect(stats).toMatchObject({ received: 2, failed: 1 });
    expect(world.logger.at('warn')).toMatchObject([{ fields: { err: refusal } }]);
  }),
];
