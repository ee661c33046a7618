import { describe, expect, it } from 'vitest';
import { delivery, errorWith, NOTHING, nextTurn, watched } from '../../test/doubles.js';
import type { Work } from './delivery.js';
import { Hands } from './hands.js';
import type { HeldDelivery } from './held.js';
import type { News, Outcome } from './outcome.js';

const DONE: Outcome = { outcome: 'done' };
const COMMANDS = [['INCR', 'orders']];

const nameOf = (token: number) => ({ id: `${token}-0`, token });
const reasonsOf = (held: readonly HeldDelivery[]) => held.map(({ signal: { reason } }) => reason?.code as unknown);

/** Hands that have taken so many. */
function handsWith(count: number) {
  const news: News[] = [];
  let calls = 0;
  const subject = 'shop:orders.placed, group billing';
  const hands = new Hands({ subject, onSettle: () => void calls++, tell: (each) => void news.push(each) });
  const held = Array.from({ length: count }, (_, n) => hands.take(delivery(n + 1)));
  /** What a call takes along. */
  const send = () => hands.send().map(({ token, outcome }) => `${token} ${outcome}`);
  const hear = (answer: Partial<Work> = {}, hasAsked = false) => hands.answered({ ...NOTHING, ...answer }, hasAsked);
  return { hands, held, news, send, hear, calls: () => calls };
}

describe('what is in the hands of a worker', () => {
  it('is its own until it has come to its end', () => {
    const { hands, held, calls } = handsWith(2);
    expect([hands.size, hands.has(held[0]!), calls()]).toEqual([2, true, 0]);
    hands.finish(held[0]!, DONE);
    expect([hands.size, hands.has(held[0]!), calls()]).toEqual([1, false, 1]);
  });

  it('counts for the broker until that has heard what became of it', () => {
    const { hands, held, send, hear } = handsWith(3);
    hands.finish(held[0]!, DONE);
    expect(send()).toEqual(['1 done']);
    hands.finish(held[1]!, { outcome: 'retry', delay: 50 });
    expect([hands.size, hands.unsent, hands.holding]).toEqual([1, 1, 3]);
    expect(hands.known).toEqual([nameOf(3), nameOf(1), nameOf(2)]);
    hear();
    expect([hands.size, hands.unsent, hands.holding]).toEqual([1, 1, 2]);
    expect(hands.known).toEqual([nameOf(3), nameOf(2)]);
  });

  it('counts once while it is being committed', () => {
    const { hands, held, send } = handsWith(2);
    void held[0]!.commit(COMMANDS, undefined);
    expect([hands.size, hands.holding]).toEqual([2, 2]);
    expect(send()).toEqual(['1 done']);
    expect([hands.size, hands.holding]).toEqual([2, 2]);
  });

  it('is settled once', () => {
    const { hands, held, send } = handsWith(1);
    hands.finish(held[0]!, DONE);
    hands.finish(held[0]!, { outcome: 'retry', delay: 50 });
    expect(send()).toEqual(['1 done']);
  });

  it('can be given back, whole or in part, and the handlers of the whole are told why', () => {
    const { hands, held, send } = handsWith(3);
    hands.release(held[1]!);
    expect(reasonsOf(held)).toEqual([undefined, undefined, undefined]);
    expect(hands.abandon(errorWith('BUS_CLOSED'))).toBe(2);
    expect(reasonsOf(held)).toEqual(['BUS_CLOSED', undefined, 'BUS_CLOSED']);
    expect(send()).toEqual(['2 release', '1 release', '3 release']);
    expect(hands.size).toBe(0);
  });
});

describe('settlements', () => {
  it('travel a thousand at a time, in their order', () => {
    const { hands, held, send, hear } = handsWith(1001);
    for (const each of held) hands.finish(each, DONE);
    expect(send()).toHaveLength(1000);
    expect(hands.unsent).toBe(1);
    hear();
    expect(send()).toEqual(['1001 done']);
  });

  it('travel again when there was no answer, ahead of those that came meanwhile', () => {
    const { hands, held, send } = handsWith(2);
    hands.finish(held[0]!, DONE);
    send();
    hands.finish(held[1]!, DONE);
    hands.unanswered(true);
    expect(send()).toEqual(['1 done', '2 done']);
    expect(hands.unsent).toBe(0);
  });

  it('that are refused are told of, unless they only gave back', () => {
    const { hands, held, send, hear, news } = handsWith(3);
    hands.finish(held[0]!, DONE);
    hands.finish(held[1]!, DONE);
    hands.release(held[2]!);
    send();
    hear({ refused: [2, 3] });
    expect(news).toEqual([{ what: 'refused', held: held[1] }]);
  });

  it.each([
    [true, []],
    [false, ['refused']],
  ])('that may have been accepted before (%s) are not told of when they are refused', (mayBeDone, told) => {
    const { hands, held, send, hear, news } = handsWith(1);
    hands.finish(held[0]!, DONE);
    send();
    hands.unanswered(mayBeDone);
    send();
    hear({ refused: [1] });
    expect(news.map(({ what }) => what)).toEqual(told);
  });
});

describe('what others have by now', () => {
  it.each([
    ['everything, once the holder was taken for dead', { lapsed: true }, false, [1, 2, 3]],
    ['what the broker has not kept in former names, if it was asked', { kept: [2] }, true, [1, 3]],
    ['nothing, if it was not asked', { kept: [] }, false, []],
  ])('is %s', (_, answer, hasAsked, gone) => {
    const { hands, held, hear, news } = handsWith(3);
    hear(answer, hasAsked);
    expect(held.filter((each) => !hands.has(each)).map(({ token }) => token)).toEqual(gone);
    expect(reasonsOf(held)).toEqual([1, 2, 3].map((token) => (gone.includes(token) ? 'CLAIM_LOST' : undefined)));
    expect(news).toEqual(gone.length === 0 ? [] : [{ what: 'lapsed', count: gone.length }]);
  });

  it('is not settled', async () => {
    const { hands, held, send, hear } = handsWith(1);
    hear({ lapsed: true });
    hands.finish(held[0]!, DONE);
    await expect(held[0]!.commit(COMMANDS, undefined)).rejects.toMatchObject({ code: 'CLAIM_LOST' });
    expect(send()).toEqual([]);
  });
});

describe('a commit', () => {
  it('that is accepted settles, and what its handler says afterwards counts no more', async () => {
    const { hands, held, send, hear } = handsWith(1);
    const commit = held[0]!.commit(COMMANDS, { messageId: 'm1', window: 1000 });
    hands.finish(held[0]!, { outcome: 'retry', delay: 50 });
    expect(send()).toEqual(['1 done']);
    hear();
    await commit;
    expect([hands.size, hands.unsent]).toEqual([0, 0]);
  });

  it('whose commands are refused leaves it to its handler, also when that has come to its end before', async () => {
    const { hands, held, send, hear } = handsWith(2);
    const commits = held.map((each) => watched(each.commit(COMMANDS, undefined)));
    hands.finish(held[0]!, { outcome: 'retry', delay: 50 });
    send();
    hear({ failed: [1, 2].map((token) => ({ token, message: 'no such command.' })) });
    await nextTurn();
    expect(commits.map(({ error }) => error?.code)).toEqual(['COMMIT_REFUSED', 'COMMIT_REFUSED']);
    expect(send()).toEqual(['1 retry']);
    hands.finish(held[1]!, DONE);
    hear();
    expect(send()).toEqual(['2 done']);
  });

  it('that comes too late is refused, tells the handler, and the owner once', async () => {
    const { held, send, hear, news } = handsWith(1);
    const commit = watched(held[0]!.commit(COMMANDS, undefined));
    send();
    hear({ refused: [1] });
    await nextTurn();
    expect(commit.error).toMatchObject({ code: 'CLAIM_LOST', message: expect.stringContaining('group billing') });
    expect(reasonsOf(held)).toEqual(['CLAIM_LOST']);
    expect(news).toEqual([{ what: 'lapsed', count: 1 }]);
  });

  it('that nobody has heard of is refused when the bus is closed', async () => {
    const { hands, held, send } = handsWith(1);
    const commit = watched(held[0]!.commit(COMMANDS, undefined));
    hands.close();
    await nextTurn();
    expect(commit.error).toMatchObject({ code: 'BUS_CLOSED', message: expect.stringContaining('group billing') });
    expect([hands.size, send()]).toEqual([0, []]);
  });
});

describe('when the log is lost', () => {
  it('handlers go on, and settle nothing', async () => {
    const { hands, held, send } = handsWith(1);
    hands.orphan();
    expect([held[0]!.orphaned, held[0]!.signal.aborted, hands.holding]).toEqual([true, false, 0]);
    hands.finish(held[0]!, DONE);
    await expect(held[0]!.commit(COMMANDS, undefined)).rejects.toMatchObject({ code: 'CLAIM_LOST' });
    expect(send()).toEqual([]);
  });

  it('nobody is told of what its answer refuses, but the one who waits for it', async () => {
    const { hands, held, send, hear, news } = handsWith(2);
    hands.finish(held[0]!, DONE);
    const commit = watched(held[1]!.commit(COMMANDS, undefined));
    send();
    hands.orphan();
    hear({ refused: [1, 2] });
    await nextTurn();
    expect(commit.error).toMatchObject({ code: 'CLAIM_LOST' });
    expect(held[1]!.signal.aborted).toBe(false);
    expect(news).toEqual([]);
  });
});
