import { expect } from 'vitest';
import type { SubscriptionStats } from '../../subscription-stats.js';
import { behaviour } from '../behaviour.js';
import { Booked, type Numbered } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { ALL_DONE, appender, envelopeOf, untilDead, untilStands } from '../logs.js';

const envelope = (attributes: object): string => envelopeOf(Booked, { n: 1 }, attributes);

const bad: { what: string; body: string; reason: keyof SubscriptionStats['rejected']; code: string }[] = [
  { what: 'text that is not JSON', body: 'secret', reason: 'unreadable', code: 'ENVELOPE_INVALID' },
  { what: 'broken JSON', body: '{"specversion":"1.0","data":"secret', reason: 'unreadable', code: 'ENVELOPE_INVALID' },
  { what: 'nothing at all', body: '', reason: 'unreadable', code: 'ENVELOPE_INVALID' },
  {
    what: 'an event of another type',
    body: envelope({ type: 'conformance.secret' }),
    reason: 'wrongContract',
    code: 'ENVELOPE_INVALID',
  },
  {
    what: 'an event of another version',
    body: envelope({ dataversion: '2' }),
    reason: 'wrongContract',
    code: 'ENVELOPE_INVALID',
  },
  {
    what: 'data that break the schema',
    body: envelope({ data: { n: 'secret' } }),
    reason: 'invalid',
    code: 'PAYLOAD_INVALID',
  },
  {
    what: 'a message that is too large',
    body: envelope({ note: 'secret'.repeat(500) }),
    reason: 'tooLarge',
    code: 'PAYLOAD_TOO_LARGE',
  },
];

/** What cannot be handled is put aside, where people can look at it. */
export const durableBadInput = bad.map(({ what, body, reason, code }) =>
  behaviour(
    `puts ${what} among the dead letters at once, and handles the next durable event`,
    ['durable events'],
    async (world) => {
      const [worker, append] = [await world.bus('worker', { maxMessageBytes: 2000 }), await appender(world, Booked)];
      const [inbox, everyone] = [new Inbox<Numbered>(), new Inbox<Numbered>()];
      const { stats } = await worker.subscribe(Booked, inbox.take, { concurrency: 1 });
      const broadcast = await worker.subscribe(Booked, everyone.take, { concurrency: 1, broadcast: true });
      const { entry } = await append(body);
      await append(envelope({}));
      expect(await inbox.first(1)).toEqual([{ n: 1 }]);
      const letters = await untilDead(worker, Booked, 'worker', 1);
      expect(letters).toMatchObject([{ entry, code, body, attempts: 1, key: undefined }]);
      await untilStands(worker, Booked, 'worker', { ...ALL_DONE, deadLetters: 1 });
      expect(inbox.size).toBe(1);
      const rejected = { unreadable: 0, tooLarge: 0, wrongContract: 0, invalid: 0, [reason]: 1 };
      const figures = { received: 2, handled: 1, failed: 0, rejected, durable: { retried: 0, deadLettered: 1 } };
      expect(stats).toMatchObject(figures);
      expect(await everyone.first(1), 'a broadcast passes it over').toEqual([{ n: 1 }]);
      expect(broadcast.stats).toMatchObject(figures);
      const lines = world.logger.at('warn');
      expect(lines).toMatchObject([{ fields: { reason } }, { fields: { reason } }]);
      expect(world.logger.text, 'payloads are not logged').not.toContain('secret');
    },
  ),
);
