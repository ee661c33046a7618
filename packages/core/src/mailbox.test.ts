import { describe, expect, it, vi } from 'vitest';
import {
  CALLER,
  CALLER_INBOX,
  errorWith,
  RESPONDER,
  RESPONDER_INBOX,
  ScriptedTransport,
  TurnedClock,
  watched,
} from '../test/doubles.js';
import { RecordedLogger } from './conformance/recorded-logger.js';
import { type Letter, letterEncoder } from './letter.js';
import { Mailbox } from './mailbox.js';
import { OutgoingLetter } from './outgoing-letter.js';

function start() {
  const clock = new TurnedClock();
  const transport = new ScriptedTransport();
  const logger = new RecordedLogger();
  const received: Letter[] = [];
  let ids = 0;
  const mailbox = new Mailbox({
    transport,
    namespace: 'test',
    source: CALLER,
    nextId: () => `l-${ids++}`,
    maxMessageBytes: 100,
    receive: (letter) => void received.push(letter),
    logger,
    clock,
  });
  const deliver = (body: string): void => transport.inboxes.get(CALLER_INBOX)?.(body, { channel: CALLER_INBOX });
  return { clock, transport, logger, received, mailbox, deliver };
}

/** Resolves with whether the letter was received. */
const insist = (
  mailbox: Mailbox,
  letter: Pick<OutgoingLetter, 'kind' | 'request'> &
    Partial<Pick<OutgoingLetter, 'dataJson' | 'sequence' | 'insistence'>>,
): Promise<boolean> =>
  new Promise((done) => {
    const { kind, request, dataJson, sequence, insistence } = letter;
    mailbox.post(new OutgoingLetter(RESPONDER, kind, request, dataJson, sequence, insistence, done));
  });

const reply = { kind: 'reply', request: 'r-1', dataJson: '7' } as const;
const letter = letterEncoder(RESPONDER, () => 'x')('reply', 'r-1', '7');

describe('the inbox', () => {
  it('is opened once, however many ask for it, and says when it is open', async () => {
    const { transport, mailbox } = start();
    let subscriptions = 0;
    transport.onSubscribe = async () => void subscriptions++;
    const opening = [mailbox.open(), mailbox.open()];
    expect(mailbox.isOpen).toBe(false);
    await Promise.all(opening);
    await mailbox.open();
    expect([mailbox.isOpen, subscriptions, [...transport.inboxes.keys()]]).toEqual([true, 1, [CALLER_INBOX]]);
  });

  it('is closed at once while it is still being opened, which may take for ever', async () => {
    const { transport, mailbox } = start();
    transport.onSubscribe = () => new Promise(() => {});
    void mailbox.open();
    await mailbox.close();
    expect(mailbox.isOpen).toBe(false);
  });

  it('can be opened again after that has failed', async () => {
    const { transport, mailbox } = start();
    transport.onSubscribe = () => Promise.reject(errorWith('SUBSCRIBE_REFUSED'));
    await expect(Promise.all([mailbox.open(), mailbox.open()])).rejects.toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
    expect(mailbox.isOpen).toBe(false);
    transport.onSubscribe = async () => {};
    await mailbox.open();
    expect(mailbox.isOpen).toBe(true);
  });

  it('hands on what comes, until it is closed', async () => {
    const { transport, received, mailbox, deliver } = start();
    await mailbox.open();
    deliver(letter);
    expect(received).toMatchObject([{ kind: 'reply', request: 'r-1', source: RESPONDER, data: 7 }]);
    await mailbox.close();
    expect([mailbox.isOpen, transport.inboxes.size]).toEqual([false, 0]);
  });

  it('can be closed when it was never opened, or could not be', async () => {
    await start().mailbox.close();
    const { transport, mailbox } = start();
    transport.onSubscribe = () => Promise.reject(errorWith('TRANSPORT_UNAVAILABLE'));
    const opening = watched(mailbox.open());
    await mailbox.close();
    await vi.waitUntil(() => opening.error !== undefined);
    expect(opening.error).toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
  });

  it('knows which answers are too large to travel', () => {
    const { mailbox } = start();
    expect([mailbox.tooLarge('x'.repeat(100)), mailbox.tooLarge('ü'.repeat(51))]).toEqual([false, true]);
  });
});

describe('what comes into the inbox and is no letter', () => {
  const attributes = { specversion: '1.0', id: 'x', source: RESPONDER, causationid: 'r-1' };
  const envelope = (more: object): string => JSON.stringify({ ...attributes, type: 'belfry.reply', ...more });

  it.each([
    ['nothing', ''],
    ['plain text', 'secret'],
    ['null', 'null'],
    ['an event', envelope({ type: 'orders.placed', data: 'secret' })],
    ['values that are no list', envelope({ type: 'belfry.values', data: 'secret' })],
    ['a sequence that is no text at all', envelope({ sequence: { toString: 'secret' } })],
    ['a sequence made of lists', envelope({ sequence: [[['secret']]] })],
  ])('is counted and logged, without what it says, and never thrown: %s', async (_, body) => {
    const { logger, received, mailbox, deliver } = start();
    await mailbox.open();
    expect(() => deliver(body)).not.toThrow();
    expect(logger.lines).toMatchObject([
      { level: 'warn', fields: { subscription: 'inbox', channel: CALLER_INBOX, reason: 'unreadable' } },
    ]);
    expect(logger.text).not.toContain('secret');
    deliver(letter);
    expect(received).toHaveLength(1);
  });
});

describe('a letter that is too large', () => {
  const huge = JSON.stringify('secret'.repeat(100_000));
  const encode = letterEncoder(RESPONDER, () => 'x');

  it('is not read, but logged; and who waits for it is told', async () => {
    const { logger, received, mailbox, deliver } = start();
    await mailbox.open();
    deliver(encode('reply', 'r-1', huge));
    deliver(encode('values', 'r-2', `[${huge}]`, 3));
    deliver(encode('credit', 'r-3', huge));
    deliver(letter);
    const told = { source: RESPONDER, kind: 'error', data: { code: 'PAYLOAD_TOO_LARGE' } };
    expect(received).toMatchObject([
      { request: 'r-1', ...told },
      { request: 'r-2', ...told },
      { kind: 'reply', data: 7 },
    ]);
    expect(logger.lines).toHaveLength(3);
    expect(logger.lines[0]).toMatchObject({ level: 'warn', fields: { subscription: 'inbox', reason: 'tooLarge' } });
    expect(logger.text).not.toContain('secret');
  });

  it.each([
    ['says nothing of a request', huge],
    ['comes from nobody', encode('reply', 'r-1', huge).replace(RESPONDER, '/nobody')],
  ])('is counted, and nobody is told, when it %s', async (_, body) => {
    const { logger, received, mailbox, deliver } = start();
    await mailbox.open();
    deliver(body);
    expect([received, logger.lines.length]).toEqual([[], 1]);
  });

  it('is read when it is no larger than values that travel together, although single messages must be small', async () => {
    const { received, mailbox, deliver } = start();
    await mailbox.open();
    deliver(encode('values', 'r-1', JSON.stringify(Array(600).fill('€'.repeat(100))), 0));
    expect(received).toMatchObject([{ kind: 'values' }]);
  });
});

describe('letters that many instances do not receive', () => {
  it('wait in a bounded number; beyond it they are given up at once, and that is logged', async () => {
    const { clock, transport, logger, mailbox } = start();
    transport.onSend = async () => false;
    const sending = Array.from({ length: 12_000 }, (_, n) =>
      watched(insist(mailbox, { kind: 'reply', request: `r-${n}`, dataJson: '"secret"' })),
    );
    await clock.turn(0);
    expect(sending.filter(({ value }) => value === false)).toHaveLength(2000);
    expect(logger.lines).toMatchObject([{ level: 'warn', fields: { subscription: 'inbox', waiting: 10_000 } }]);
    expect(logger.text).not.toContain('secret');
  });

  it('wait up to a bounded size, and one in any case', async () => {
    const { clock, transport, mailbox } = start();
    transport.onSend = async () => false;
    const large = JSON.stringify('x'.repeat(40_000_000));
    const sending = [large, '1', '2'].map((json) =>
      watched(insist(mailbox, { kind: 'reply', request: 'r', dataJson: json })),
    );
    await clock.turn(0);
    expect(sending.map(({ isSettled }) => isSettled)).toEqual([false, true, true]);
    transport.onSend = async () => true;
    await clock.turn(100);
    expect(sending[0]?.value).toBe(true);
    transport.onSend = async () => false;
    const later = watched(insist(mailbox, { kind: 'reply', request: 'r', dataJson: '3' }));
    await clock.turn(0);
    expect(later.isSettled, 'there is room again').toBe(false);
  });
});

describe('a letter that is insisted on', () => {
  it('is sent once when it is received', async () => {
    const { clock, transport, mailbox } = start();
    await expect(insist(mailbox, { kind: 'credit', request: 'r-1', dataJson: '192' })).resolves.toBe(true);
    expect(transport.sent).toMatchObject([
      { to: RESPONDER_INBOX, source: CALLER, kind: 'credit', request: 'r-1', data: 192 },
    ]);
    expect(clock.timers).toBe(0);
  });

  it.each([
    ['nobody receives it', async () => false],
    ['the broker is away', () => Promise.reject(errorWith('TRANSPORT_UNAVAILABLE'))],
    ['the broker did not answer', () => Promise.reject(errorWith('PUBLISH_UNCONFIRMED'))],
  ])('is sent again after 100 ms while %s, then less often, the same each time', async (_, fails) => {
    const { clock, transport, logger, mailbox } = start();
    transport.onSend = fails;
    const sending = watched(insist(mailbox, { kind: 'end', request: 'r-1', sequence: 7 }));
    await clock.turn(99);
    expect(transport.sent).toHaveLength(1);
    await clock.turn(1);
    expect(transport.sent).toHaveLength(2);
    await clock.turn(1000);
    expect(transport.sent).toHaveLength(5);
    transport.onSend = async () => true;
    await clock.turn(500);
    expect(sending.value).toBe(true);
    expect(new Set(transport.sent.map((sent) => JSON.stringify(sent))).size).toBe(1);
    expect([clock.timers, logger.lines]).toEqual([0, []]);
  });

  it('is given up after 5 s', async () => {
    const { clock, transport, mailbox } = start();
    transport.onSend = async () => false;
    const sending = watched(insist(mailbox, { kind: 'cancel', request: 'r-1' }));
    await clock.turn(4500);
    expect(sending.isSettled).toBe(false);
    await clock.turn(500);
    expect([sending.value, transport.sent.length, clock.timers]).toEqual([false, 13, 0]);
  });

  it.each([
    [1000, 5],
    [150, 2],
    [0, 1],
    [-1000, 1],
  ])('is given up when nobody waits for it any more, %d ms from now, but is tried once', async (rest, times) => {
    const { clock, transport, mailbox } = start();
    transport.onSend = async () => false;
    const sending = watched(insist(mailbox, { ...reply, insistence: { until: clock.time + rest, isWanted: true } }));
    await clock.turn(Math.max(0, rest));
    expect([sending.value, transport.sent.length, clock.timers]).toEqual([false, times, 0]);
  });

  it('is given up as soon as nobody wants it any more', async () => {
    const { clock, transport, mailbox } = start();
    transport.onSend = async () => false;
    const insistence = { until: clock.time + 60_000, isWanted: true };
    const sending = watched(insist(mailbox, { ...reply, insistence }));
    await clock.turn(6000);
    expect(sending.isSettled).toBe(false);
    insistence.isWanted = false;
    await clock.turn(500);
    expect([sending.value, clock.timers]).toEqual([false, 0]);
  });

  it('is given up at once when the broker refuses it, and that is logged once, without what it says', async () => {
    const { clock, transport, logger, mailbox } = start();
    transport.onSend = () => Promise.reject(errorWith('PUBLISH_REFUSED'));
    await expect(insist(mailbox, { kind: 'reply', request: 'r-1', dataJson: '"secret"' })).resolves.toBe(false);
    expect(transport.sent).toHaveLength(1);
    expect(logger.lines).toMatchObject([
      { level: 'error', fields: { to: RESPONDER, kind: 'reply', request: 'r-1', err: { code: 'PUBLISH_REFUSED' } } },
    ]);
    expect(logger.text).not.toContain('secret');
    expect(clock.timers).toBe(0);
  });

  it('is given up without a word when the bus is closed', async () => {
    const { transport, logger, mailbox } = start();
    transport.onSend = () => Promise.reject(errorWith('BUS_CLOSED'));
    await expect(insist(mailbox, { kind: 'cancel', request: 'r-1' })).resolves.toBe(false);
    expect([transport.sent.length, logger.lines]).toEqual([1, []]);
  });

  it('is given up when the transport throws what it should not', async () => {
    const { transport, logger, mailbox } = start();
    transport.onSend = () => Promise.reject(new TypeError('a bug'));
    await expect(insist(mailbox, { kind: 'cancel', request: 'r-1' })).resolves.toBe(false);
    expect(logger.at('error')).toHaveLength(1);
  });
});
