import { expect } from 'vitest';
import type { SubscriptionStats } from '../../subscription-stats.js';
import { behaviour } from '../behaviour.js';
import { Counted, type Numbered } from '../contracts.js';
import { Inbox } from '../inbox.js';

const envelope = (attributes: object): string =>
  JSON.stringify({
    specversion: '1.0',
    id: 'foreign-1',
    source: '/foreign/program',
    type: 'conformance.counted',
    data: { n: 1 },
    ...attributes,
  });

const bad: { what: string; body: string; reason: keyof SubscriptionStats['rejected'] }[] = [
  { what: 'text that is not JSON', body: 'secret', reason: 'unreadable' },
  { what: 'broken JSON', body: '{"specversion":"1.0","data":"secret', reason: 'unreadable' },
  { what: 'an array', body: '["secret"]', reason: 'unreadable' },
  { what: 'null', body: 'null', reason: 'unreadable' },
  { what: 'an envelope of another version', body: envelope({ specversion: '0.3' }), reason: 'unreadable' },
  { what: 'an envelope without an id', body: envelope({ id: undefined }), reason: 'unreadable' },
  { what: 'an event of another type', body: envelope({ type: 'conformance.secret' }), reason: 'wrongContract' },
  { what: 'an event of another version', body: envelope({ dataversion: '2' }), reason: 'wrongContract' },
  { what: 'data that break the schema', body: envelope({ data: { n: 'secret' } }), reason: 'invalid' },
  { what: 'an event without data', body: envelope({ data: undefined }), reason: 'invalid' },
  { what: 'a message that is too large', body: envelope({ note: 'secret'.repeat(500) }), reason: 'tooLarge' },
  { what: 'one whose bytes are too many', body: envelope({ note: '€'.repeat(700) }), reason: 'tooLarge' },
];

/** What arrives is not trusted. */
export const badInput = [
  ...bad.map(({ what, body, reason }) =>
    behaviour(`rejects ${what}, counts and logs it, and handles the next message`, [], async (world) => {
      const [subscriber, raw] = [await world.bus('app', { maxMessageBytes: 2000 }), await world.transport()];
      const channel = world.channel(Counted);
      const inbox = new Inbox<Numbered>();
      const { stats } = await subscriber.subscribe(Counted, inbox.take, { broadcast: true, concurrency: 1 });
      await raw.publish({ channel, body, key: undefined, public: false });
      await raw.publish({ channel, body: envelope({}), key: undefined, public: false });
      expect(await inbox.first(1)).toEqual([{ n: 1 }]);
      expect(inbox.contexts[0]).toMatchObject({ messageId: 'foreign-1', source: '/foreign/program', version: 1 });
      const rejected = { unreadable: 0, tooLarge: 0, wrongContract: 0, invalid: 0, [reason]: 1 };
      expect(stats).toMatchObject({ received: 2, handled: 1, failed: 0, rejected });
      const lines = world.logger.at('warn');
      expect(lines).toMatchObject([{ fields: { channel, reason } }]);
      expect(world.logger.text, 'payloads are not logged').not.toContain('secret');
    }),
  ),

  behaviour('rejects a bad message among good ones of one burst, and only that', ['groups'], async (world) => {
    const [subscriber, raw] = [await world.bus(), await world.transport()];
    const channel = world.channel(Counted);
    const inbox = new Inbox<Numbered>();
    const { stats } = await subscriber.subscribe(Counted, inbox.take, { concurrency: 1 });
    const bodies = Array.from({ length: 30 }, (_, n) => (n % 10 === 5 ? '{"broken' : envelope({ data: { n } })));
    await Promise.all(bodies.map((body) => raw.publish({ channel, body, key: undefined, public: false })));
    const good = Array.from({ length: 30 }, (_, n) => n).filter((n) => n % 10 !== 5);
    expect((await inbox.first(27)).map(({ n }) => n)).toEqual(good);
    expect(stats).toMatchObject({ received: 30, handled: 27, rejected: { unreadable: 3 } });
  }),

  behaviour('does not turn a flood of bad messages into a flood of log lines', [], async (world) => {
    const [subscriber, raw] = [await world.bus(), await world.transport()];
    const channel = world.channel(Counted);
    const inbox = new Inbox<Numbered>();
    const { stats } = await subscriber.subscribe(Counted, inbox.take, { broadcast: true });
    const flood = Array.from({ length: 2000 }, () =>
      raw.publish({ channel, body: '[]', key: undefined, public: false }),
    );
    await Promise.all(flood);
    await raw.publish({ channel, body: envelope({}), key: undefined, public: false });
    await inbox.first(1);
    expect(stats.rejected.unreadable).toBe(2000);
    expect(world.logger.lines.length).toBeGreaterThan(0);
    expect(world.logger.lines.length).toBeLessThan(1000);
  }),
];
