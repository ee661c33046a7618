import { describe, expect, it } from 'vitest';
import { Book } from './book.js';
import type { Kind } from './contracts.js';
import type { Line } from './diary.js';
import { judge, missing } from './ledger.js';

type Unwritten<L> = L extends unknown ? Omit<L, 'at'> : never;

/** A soak in which everything went well, but for what a test enters on top; its clock goes on by 10 ms with each line. */
class Story {
  readonly book = new Book();
  #clock = 100_000;

  get now(): number {
    return this.#clock;
  }

  /** A line in the diary of a process that has one life. */
  writes(slot: string, line: Unwritten<Line>): this {
    this.#clock += 10;
    this.book.enter(slot, `${slot}.1`, { at: this.#clock, ...line } as Line);
    return this;
  }

  /** A time in which nothing happens. */
  pause(milliseconds: number): this {
    this.#clock += milliseconds;
    return this;
  }

  publishes(id: string, how = 'receipt', { key, group = 1 }: { key?: string; group?: number } = {}): this {
    const kind = id.split(':')[1] as Kind;
    this.writes('publisher1', { what: 'begun', kind, id, key });
    if (kind === 'logged' && how === 'receipt') this.book.log = [...this.book.log, id];
    return this.writes('publisher1', { what: 'ended', id, how, group });
  }

  handles(slot: string, id: string, end: 'handled' | 'throws' | 'nothing' = 'handled'): this {
    const kind = id.split(':')[1] as Kind;
    this.writes(slot, { what: 'handles', kind, id });
    if (end === 'handled') this.writes(slot, { what: 'handled', kind, id });
    if (end === 'throws') this.writes(slot, { what: 'throws', id });
    return this;
  }

  isTroubled(slot: string | undefined, from: number, to: number): this {
    this.book.troubles.push({ slot, why: 'a fault', from, to });
    return this;
  }

  /** What does not add up: rule and ids, a line each. */
  get findings(): string[] {
    return judge(this.book, ['audience1']).findings.map(({ rule, ids }) => `${rule}: ${ids.join(', ')}`);
  }

  get explained() {
    return judge(this.book, ['audience1']).explained;
  }
}

const [told1, told2, told3] = ['p:told:1', 'p:told:2', 'p:told:3'];
const [dealt1, logged1, logged2, asked1] = ['p:dealt:1', 'p:logged:1', 'p:logged:2', 'p:asked:1'];

it('is content when everything is handled as it was published', () => {
  const story = new Story();
  story.publishes(told1).handles('audience1', told1).publishes(dealt1).handles('member1', dealt1);
  story.publishes(logged1).handles('member2', logged1).publishes(asked1, 'answer').handles('responder1', asked1);
  expect(story.findings).toEqual([]);
  expect(missing(story.book, ['audience1'])).toBe(0);
});

describe('of all that is published', () => {
  it('finds what never ends', () => {
    const story = new Story().writes('publisher1', { what: 'begun', kind: 'dealt', id: dealt1 });
    expect(story.findings).toEqual([`every publish and every request settles: ${dealt1}`]);
  });

  it('finds what ends with a code that is not documented for it', () => {
    const story = new Story().publishes(dealt1, 'BUS_CLOSED').publishes(asked1, 'PUBLISH_UNCONFIRMED');
    expect(story.findings).toEqual([
      `it settles in a documented way: ${dealt1} (BUS_CLOSED), ${asked1} (PUBLISH_UNCONFIRMED)`,
    ]);
  });

  it('finds what was handled and never published', () => {
    expect(new Story().handles('member1', dealt1).findings).toEqual([`what is handled was published: ${dealt1}`]);
  });
});

describe('of a broadcast that recovers', () => {
  it('finds a lost id', () => {
    const story = new Story().publishes(told1).publishes(told2).handles('audience1', told2);
    expect(missing(story.book, ['audience1'])).toBe(1);
    expect(story.findings).toEqual([`audience1: what is confirmed is handled: ${told1}`]);
  });

  it('finds an id that is handled twice, although it was unconfirmed', () => {
    const story = new Story().publishes(told1, 'PUBLISH_UNCONFIRMED');
    story.handles('audience1', told1).handles('audience1', told1);
    expect(story.findings).toEqual([`audience1: nothing is handled twice: ${told1}`]);
  });

  it('finds an id that is handled after a later one of its publisher, also in the same millisecond', () => {
    const story = new Story().publishes(told1).publishes(told2).publishes(told3);
    for (const id of [told1, told3, told2])
      story.book.enter('audience1', 'audience1.1', { at: 200_000, what: 'handles', kind: 'told', id });
    expect(story.findings).toEqual([`audience1: the events of a publisher are handled in their order: ${told2}`]);
  });

  it('finds an id that is handled although it was not delivered', () => {
    const story = new Story().publishes(told1, 'TRANSPORT_UNAVAILABLE').handles('audience1', told1);
    expect(story.findings).toEqual([`audience1: what was not delivered is not handled: ${told1}`]);
  });

  it('finds a loss that is reported and was none', () => {
    const story = new Story().publishes(told1).publishes(told2, 'PUBLISH_UNCONFIRMED').handles('audience1', told1);
    expect(story.findings).toEqual([]);
    story.writes('audience1', { what: 'stats', missed: 1, dropped: 0, recovered: 0 });
    expect(story.findings).toEqual(['audience1: nothing is reported as missed: 1 events']);
  });
});

describe('of a group', () => {
  it('finds a lost id', () => {
    const story = new Story().publishes(dealt1);
    expect(story.findings).toEqual([
      `group: what a member received is handled, unless the member was in trouble: ${dealt1}`,
    ]);
  });

  it('takes the trouble of a member as an explanation, and no other', () => {
    const story = new Story().publishes(dealt1);
    story.isTroubled('publisher1', 0, story.now).isTroubled('member1', story.now + 10_000, story.now + 20_000);
    story.isTroubled(undefined, 0, story.now).isTroubled('member2', 0, story.now - 10_000);
    expect(story.findings).toHaveLength(1);
    story.isTroubled('member3', story.now - 100, story.now);
    expect(story.findings).toEqual([]);
    expect(story.explained.lost).toEqual([dealt1]);
  });

  it('finds an id that two members have handled, whatever trouble there was', () => {
    const story = new Story().publishes(dealt1).handles('member1', dealt1).handles('member2', dealt1);
    story.isTroubled('member1', 0, story.now);
    expect(story.findings).toEqual([`group: nothing is handled twice: ${dealt1}`]);
  });

  it('finds an id that is handled although nobody received it, or it was not delivered', () => {
    const story = new Story().publishes(dealt1, 'receipt', { group: 0 }).handles('member1', dealt1);
    story.publishes('p:dealt:2', 'TRANSPORT_UNAVAILABLE').handles('member1', 'p:dealt:2');
    expect(story.findings).toEqual([
      `group: what nobody received is not handled: ${dealt1}`,
      'group: what was not delivered is not handled: p:dealt:2',
    ]);
  });
});

describe('of a durable event', () => {
  it('finds a lost id, in the log and before', () => {
    const story = new Story().publishes(logged1).publishes(logged2).handles('member1', logged2);
    story.book.log = [logged1];
    expect(missing(story.book, [])).toBe(2);
    expect(story.findings).toEqual([
      `durable: what is confirmed is in the log: ${logged2}`,
      `durable: what is in the log is handled: ${logged1}`,
      `durable: what is not in the log is not handled: ${logged2}`,
    ]);
  });

  it('takes a handler that was killed or threw for none that has handled', () => {
    const story = new Story().publishes(logged1).handles('member1', logged1, 'nothing').publishes(logged2);
    story.handles('member1', logged2, 'throws');
    expect(story.findings).toEqual([`durable: what is in the log is handled: ${logged1}, ${logged2}`]);
  });

  it('finds an id that is in the log twice', () => {
    const story = new Story().publishes(logged1).handles('member1', logged1);
    story.book.log = [logged1, logged1];
    expect(story.findings).toEqual([`durable: it is appended once: ${logged1}`]);
  });

  it('finds an id that is handled again for no reason', () => {
    const story = new Story().publishes(logged1).handles('member1', logged1);
    const handledAt = story.now;
    story.pause(5000).handles('member2', logged1);
    story.isTroubled('member2', handledAt, story.now).isTroubled('member1', 0, handledAt - 5000);
    expect(story.findings).toEqual([
      `durable: it is handled again only when it failed, or its member was in trouble: ${logged1}`,
    ]);
    story.isTroubled('member1', handledAt + 1000, handledAt + 2000);
    expect(story.findings).toEqual([]);
    expect(story.explained.repeated).toEqual([logged1]);
  });

  it('expects an id again whose handler threw', () => {
    const story = new Story().publishes(logged1).handles('member1', logged1, 'throws').handles('member1', logged1);
    expect(story.findings).toEqual([]);
    expect(story.explained.repeated).toEqual([]);
  });

  it('finds an id that is out of order within its key, in the log and in the handlers', () => {
    const story = new Story();
    for (const [id, key] of [[logged1, 'a'] as const, [logged2, 'a'] as const, ['p:logged:3', 'b'] as const])
      story.publishes(id, 'receipt', { key });
    story.book.log = [logged2, logged1, 'p:logged:3'];
    story.handles('member1', 'p:logged:3').handles('member1', logged2).handles('member1', logged1);
    expect(story.findings).toEqual([
      `durable: the events of a key are appended in their order: ${logged2}`,
      `durable: the events of a key are handled in their order: ${logged2}`,
    ]);
  });

  it('finds an id that is in the log although it was not delivered', () => {
    const story = new Story().publishes(logged1, 'TRANSPORT_UNAVAILABLE');
    story.book.log = [logged1];
    story.handles('member1', logged1);
    expect(story.findings).toEqual([`durable: what was not delivered is not in the log: ${logged1}`]);
  });
});

describe('of a request', () => {
  it('finds one that is handled twice, and one that is answered by nobody', () => {
    const story = new Story().publishes(asked1, 'REQUEST_TIMEOUT').handles('responder1', asked1);
    story.handles('responder2', asked1).publishes('p:asked:2', 'answer');
    expect(story.findings).toEqual([
      `request: it is handled once at most: ${asked1}`,
      'request: what is answered was handled: p:asked:2',
    ]);
  });

  it('finds one that is handled although nobody responded', () => {
    const story = new Story().publishes(asked1, 'NO_RESPONDERS').handles('responder1', asked1);
    expect(story.findings).toEqual([`request: what was not delivered is not handled: ${asked1}`]);
  });

  it('finds one that ends long after its timeout', () => {
    const story = new Story().writes('publisher1', { what: 'begun', kind: 'asked', id: asked1 }).pause(4000);
    story.writes('publisher1', { what: 'ended', id: asked1, how: 'REQUEST_TIMEOUT' });
    expect(story.findings).toEqual([`request: it ends within its timeout: ${asked1}`]);
  });

  it('forgives as much as the process of the caller did not run, and no computing', () => {
    const [id, asks] = ['publisher1:asked:1', { what: 'begun', kind: 'asked' } as const];
    const after = (computing: number) =>
      new Story()
        .writes('publisher1', { ...asks, id })
        .pause(4500)
        .writes('publisher1', { what: 'stood still', for: 1000, computing })
        .writes('publisher1', { what: 'ended', id, how: 'REQUEST_TIMEOUT' });
    expect(after(100).findings).toEqual([]);
    expect(after(900).findings).toEqual([`request: it ends within its timeout: ${id}`]);
  });
});
