import { expect } from 'vitest';
import { currentContext, type MessageContext, runInContext } from '../../context.js';
import { behaviour } from '../behaviour.js';
import { Counted, type Numbered, numbers, Recounted } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { nextTurn, pause } from '../waiting.js';

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** A flow of messages can be followed, and no handler had to care. */
export const context = [
  behaviour(
    'carries correlation, cause and trace from a message into what its handler publishes',
    [],
    async (world) => {
      const [publisher, relay, end] = [await world.bus('publisher'), await world.bus('relay'), await world.bus('end')];
      const [first, second] = [new Inbox<Numbered>(), new Inbox<Numbered>()];
      await relay.subscribe(
        Counted,
        async (data, context) => {
          first.take(data, context);
          await nextTurn();
          await relay.publish(Recounted, data);
        },
        { broadcast: true },
      );
      await end.subscribe(Recounted, second.take, { broadcast: true });
      await publisher.publish(Counted, { n: 1 }, { traceparent, tracestate: 'vendor=1' });
      await second.first(1);
      const [cause, effect] = [first.contexts[0]!, second.contexts[0]!];
      expect(cause).toMatchObject({ correlationId: cause.messageId, traceparent, tracestate: 'vendor=1' });
      expect(cause.causationId).toBeUndefined();
      expect(effect).toMatchObject({
        correlationId: cause.messageId,
        causationId: cause.messageId,
        traceparent,
        tracestate: 'vendor=1',
      });
      expect(effect.messageId).not.toBe(cause.messageId);
    },
  ),

  behaviour('keeps the flows of messages apart that are handled at the same time', [], async (world) => {
    const [publisher, relay, end] = await world.buses(3);
    const causes = new Map<number, string>();
    const inbox = new Inbox<Numbered>();
    const handle = async ({ n }: Numbered, { messageId }: MessageContext) => {
      causes.set(n, messageId);
      await pause((n * 5) % 7);
      await relay!.publish(Recounted, { n });
    };
    await relay!.subscribe(Counted, handle, { broadcast: true, concurrency: 8 });
    await end!.subscribe(Recounted, inbox.take, { broadcast: true });
    await Promise.all(numbers(40).map((n) => publisher!.publish(Counted, { n })));
    await inbox.first(40);
    for (const [index, { n }] of inbox.data.entries()) {
      expect(inbox.contexts[index], `${n}`).toMatchObject({ causationId: causes.get(n), correlationId: causes.get(n) });
    }
  }),

  behaviour('gives a handler the context of its message, not that of its publisher', [], async (world) => {
    const [publisher, subscriber] = await world.buses(2);
    const inbox = new Inbox<Numbered>();
    const seen: (string | undefined)[] = [];
    await subscriber!.subscribe(
      Counted,
      (data, context) => {
        seen.push(currentContext()?.messageId);
        inbox.take(data, context);
      },
      { broadcast: true },
    );
    const flow = { correlationId: 'request 7', messageId: 'request 7.1', traceparent };
    await runInContext(flow, () => publisher!.publish(Counted, { n: 1 }));
    await publisher!.publish(Counted, { n: 2 }, { correlationId: 'given', causationId: 'given too' });
    await inbox.first(2);
    const byNumber = (wanted: number) => inbox.contexts[inbox.data.findIndex(({ n }) => n === wanted)];
    expect(byNumber(1)).toMatchObject({ correlationId: 'request 7', causationId: 'request 7.1', traceparent });
    expect(byNumber(2)).toMatchObject({ correlationId: 'given', causationId: 'given too' });
    expect(seen).toEqual(inbox.contexts.map(({ messageId }) => messageId));
    expect(currentContext()).toBeUndefined();
  }),
];
