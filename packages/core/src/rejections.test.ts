import { describe, expect, it } from 'vitest';
import { TurnedClock } from '../test/doubles.js';
import { RecordedLogger } from './conformance/recorded-logger.js';
import type { Envelope } from './envelope.js';
import { placesOf } from './outgoing.js';
import { Rejections } from './rejections.js';

function start() {
  const clock = new TurnedClock();
  const logger = new RecordedLogger();
  return { clock, logger, rejections: new Rejections({ subscription: 'inbox' }, logger, clock) };
}

const garbage = { reason: 'unreadable', channel: 'c', message: 'It is not JSON.' } as const;

describe('rejections', () => {
  it('are counted by reason, and logged with what is known of the message, but nothing of its data', () => {
    const { logger, rejections } = start();
    const envelope: Envelope = { specversion: '1.0', id: 'm-1', source: '/a/b', type: 't', data: 'secret' };
    rejections.add(garbage);
    rejections.add({ reason: 'invalid', channel: 'c', message: 'It does not fit.', envelope, places: ['id'] });
    expect(rejections.counts).toEqual({ unreadable: 1, tooLarge: 0, wrongContract: 0, invalid: 1 });
    expect(logger.lines).toMatchObject([
      { level: 'warn', fields: { subscription: 'inbox', channel: 'c', reason: 'unreadable' } },
      {
        fields: { reason: 'invalid', messageId: 'm-1', source: '/a/b', places: ['id'] },
        message: expect.stringContaining('It does not fit.'),
      },
    ]);
    expect(logger.text).not.toContain('secret');
  });

  it('name the message and its source, however long a stranger makes the names, in a line that stays short', () => {
    const { logger, rejections } = start();
    const long = 'x'.repeat(1_000_000);
    const envelope: Envelope = { specversion: '1.0', id: `id-${long}`, source: `/a/${long}`, type: long };
    const places = placesOf(
      Array.from({ length: 5000 }, (_, n) => ({ message: 'secret', path: `items.${n}.${long}` })),
    );
    rejections.add({ reason: 'invalid', channel: 'c', message: 'It does not fit.', envelope, places });
    expect(JSON.stringify(logger.lines).length).toBeLessThan(4000);
    expect(logger.lines).toMatchObject([
      { fields: { messageId: expect.stringMatching(/^id-x+…$/), source: expect.stringMatching(/^\/a\/x+…$/) } },
    ]);
    expect(places[0]).toMatch(/^items\.0\.x+…$/);
    expect(places.at(-1)).toBe('4990 more');
  });

  it('are logged ten times a second at most; each line has the counts as they were then', () => {
    const { clock, logger, rejections } = start();
    for (let n = 0; n < 100; n++) rejections.add(garbage);
    expect(logger.lines).toHaveLength(10);
    clock.time += 1000;
    rejections.add(garbage);
    expect(logger.lines).toHaveLength(11);
    expect(logger.lines[0]?.fields.rejected).toMatchObject({ unreadable: 1 });
    expect(logger.lines[10]?.fields.rejected).toMatchObject({ unreadable: 101 });
  });
});
