import { expect } from 'vitest';
import type { SubscriptionStats } from '../../subscription-stats.js';
import { behaviour } from '../behaviour.js';
import { Counted, type Numbered, numbers } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { Marks } from '../marks.js';
import { Gate, until } from '../waiting.js';

const accounted = ({ handled, failed, rejected, dropped, abandoned, queued, inFlight }: Readonly<SubscriptionStats>) =>
  handled + failed + Object.values(rejected).reduce((sum, n) => sum + n) + dropped + abandoned + queued + inFlight;

/** Memory does not grow with the backlog of a slow handler. */
export const overflow = [
  ...[
    { bound: 'messages', options: { maxQueuedMessages: 10 }, most: 10 },
    { bound: 'bytes', options: { maxQueuedBytes: 2500 }, most: 12 },
  ].map(({ bound, options, most }) =>
    behaviour(`drops, counts and logs what overflows a queue that is bounded in ${bound}`, [], async (world) => {
      const [publisher, subscriber] = await world.buses(2);
      const inbox = new Inbox<Numbered>();
      const gate = new Gate();
      const handle = async (data: Numbered, context: Parameters<typeof inbox.take>[1]) => {
        inbox.take(data, context);
        await gate.opened;
      };
      const { stats } = await subscriber!.subscribe(Counted, handle, { broadcast: true, concurrency: 1, ...options });
      await Promise.all(numbers(50).map((n) => publisher!.publish(Counted, { n })));
      await until(() => stats.received === 50, 'fifty messages');
      expect(stats.queued).toBeGreaterThan(0);
      expect(stats.queued).toBeLessThanOrEqual(most);
      expect(stats.dropped).toBe(50 - 1 - stats.queued);
      expect(accounted(stats)).toBe(50);
      const warnings = world.logger.at('warn').map(({ message }) => message);
      expect(warnings, 'a warning before the first is dropped, then once, not for each').toEqual([
        expect.stringContaining('three quarters full'),
        expect.stringContaining('are being dropped'),
      ]);
      const kept = 1 + stats.queued;
      gate.open();
      await until(() => stats.handled === kept, 'the queue to empty');
      expect(inbox.data, 'the oldest stay').toEqual(numbers(kept).map((n) => ({ n })));
      await new Marks(inbox).pass(publisher!, Counted);
      await until(() => accounted(stats) === stats.received, 'all to be accounted for');
    }),
  ),
];
