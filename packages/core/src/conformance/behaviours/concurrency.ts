import { expect } from 'vitest';
import { behaviour } from '../behaviour.js';
import { Counted, type Numbered, numbers } from '../contracts.js';
import { Gate, pause, until } from '../waiting.js';

/** A subscription handles as much at a time as it was told. */
export const concurrency = [
  behaviour('handles one message after the other, in order, with concurrency 1', [], async (world) => {
    const [publisher, subscriber] = await world.buses(2);
    const steps: string[] = [];
    const handle = async ({ n }: Numbered) => {
      steps.push(`start ${n}`);
      await pause((n * 7) % 4);
      steps.push(`end ${n}`);
    };
    await subscriber!.subscribe(Counted, handle, { broadcast: true, concurrency: 1 });
    await Promise.all(numbers(50).map((n) => publisher!.publish(Counted, { n })));
    await until(() => steps.length === 100, '50 messages to be handled');
    expect(steps).toEqual(numbers(50).flatMap((n) => [`start ${n}`, `end ${n}`]));
  }),

  ...[undefined, 5].map((limit) =>
    behaviour(
      `starts messages in order, and ${limit ?? 'by default 16'} at a time but never more`,
      [],
      async (world) => {
        const most = limit ?? 16;
        const count = most * 3;
        const [publisher, subscriber] = await world.buses(2);
        const started: number[] = [];
        const running = new Set<number>();
        const gates = numbers(count).map(() => new Gate());
        let peak = 0;
        const handle = async ({ n }: Numbered) => {
          started.push(n);
          running.add(n);
          peak = Math.max(peak, running.size);
          await gates[n]!.opened;
          running.delete(n);
        };
        const options = { broadcast: true, ...(limit === undefined ? {} : { concurrency: limit }) };
        const { stats } = await subscriber!.subscribe(Counted, handle, options);
        await Promise.all(numbers(count).map((n) => publisher!.publish(Counted, { n })));
        await until(() => stats.received === count, `${count} messages`);
        expect([stats.inFlight, stats.queued]).toEqual([most, count - most]);
        expect(started).toEqual(numbers(most));
        // The newest first: a slot that gets free is taken by the next in order, whichever it was.
        for (let handled = 1; handled <= count; handled++) {
          gates[Math.max(...running)]!.open();
          await until(() => stats.handled === handled, `${handled} messages to be handled`);
        }
        expect(started).toEqual(numbers(count));
        expect(peak).toBe(most);
      },
    ),
  ),
];
