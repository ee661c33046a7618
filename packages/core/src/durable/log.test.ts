import { describe, expect, it } from 'vitest';
import type { Delivery } from './delivery.js';
import type { OutgoingDurableEvent, WorkRequest } from './durability.js';
import { DurableLog, messageIdOf } from './log.js';

// What the log adds to its groups: ids, delays, trimming, dead letters. What a group does with an entry stands in group.test.ts.

const HOUR = 3_600_000;

type Delivered = readonly Delivery[] & readonly [Delivery, Delivery, Delivery];

/** A log at 1000 ms, who heard of it, and whose doorbell rang. */
function newLog() {
  const heard: string[] = [];
  const rung: string[] = [];
  const members = new Map<string, number>();
  const log = new DurableLog({
    ring: (group, instance) => {
      rung.push(`${group} ${instance}`);
      return true;
    },
    announce: (body) => heard.push(JSON.parse(body).id),
    members: (group) => members.get(group) ?? 0,
  });
  const append = (messageId: string, now = 1000, event: Partial<OutgoingDurableEvent> = {}) =>
    log.append(
      {
        channel: 'shop:orders.placed',
        body: JSON.stringify({ id: messageId }),
        key: undefined,
        messageId,
        window: undefined,
        delay: undefined,
        cap: undefined,
        ...event,
      },
      now,
    );
  const work = (now = 1000, request: Partial<WorkRequest> = {}) =>
    log.work(
      {
        group: 'billing',
        instance: 'i1',
        holder: 'i1.0',
        holding: 0,
        settlements: [],
        room: 100,
        claimTimeout: 30_000,
        once: false,
        ...request,
      },
      now,
    );
  /** Takes everything that is there, and is done with it. Returns the ids of the messages. */
  const handle = (now = 1000, outcome: 'done' | 'dead' = 'done', group = 'billing'): string[] => {
    const { deliveries } = work(now, { group });
    const reason = { code: 'NO', message: 'no' };
    const settlements = deliveries.map(({ id, token }) =>
      outcome === 'done' ? { id, token, outcome } : { id, token, outcome, reason },
    );
    const { refused } = work(now, { group, settlements, holding: settlements.length, room: 0 });
    expect(refused).toEqual([]);
    return deliveries.map(({ body }) => messageIdOf(body)!);
  };
  const ids = (now = 1000) => log.read('', 100, now).entries.map(({ body }) => messageIdOf(body));
  const state = (now = 1000, group = 'billing') => log.tend(undefined, now).find((each) => each.group === group);
  return { log, heard, rung, members, append, work, handle, ids, state };
}

describe('appending', () => {
  it('says where the entry stands, and which groups have members', () => {
    const { log, append, members } = newLog();
    log.createGroup('billing', 'start');
    log.createGroup('audit', 'start');
    members.set('billing', 2);
    expect(append('m1')).toEqual({ entry: '1000-1', duplicate: false, broadcast: 1, groups: { billing: 1, audit: 0 } });
    expect(append('m2', 1001).entry).toBe('1001-2');
  });

  it('tells whoever listens to all of the channel, and wakes one who waits in each group', () => {
    const { append, work, heard, rung } = newLog();
    for (const [group, instance] of [
      ['billing', 'i1'],
      ['billing', 'i2'],
      ['audit', 'i3'],
    ] as const)
      work(1000, { group, instance });
    append('m1');
    expect(heard).toEqual(['m1']);
    expect(rung).toEqual(['billing i1', 'audit i3']);
  });

  it('recognises an id that was given before, within its window', () => {
    const { append, heard, rung, work, ids } = newLog();
    expect(append('mine', 1000, { window: HOUR })).toMatchObject({ entry: '1000-1', duplicate: false });
    work();
    expect(append('mine', 1000 + HOUR - 1, { window: HOUR })).toMatchObject({
      entry: '1000-1',
      duplicate: true,
      broadcast: 0,
    });
    expect(heard).toEqual(['mine']);
    expect(rung).toEqual([]);
    expect(append('mine', 1000 + HOUR, { window: HOUR })).toMatchObject({ duplicate: false });
    expect(ids()).toEqual(['mine', 'mine']);
  });

  it('knows the window of each id, also where they differ', () => {
    const { append } = newLog();
    append('long', 1000, { window: HOUR });
    append('short', 1000, { window: 10 });
    expect(append('short', 1010, { window: 10 }).duplicate).toBe(false);
    expect(append('short', 1019, { window: 10 }).duplicate).toBe(true);
    expect(append('long', 1019, { window: HOUR }).duplicate).toBe(true);
  });

  it('takes an id of Belfry’s own as often as it comes', () => {
    const { append, ids } = newLog();
    append('m1');
    expect(append('m1').duplicate).toBe(false);
    expect(ids()).toEqual(['m1', 'm1']);
  });

  it('holds no more than about the cap, and the group counts what it lost', () => {
    const { append, handle, ids, state } = newLog();
    handle();
    for (let n = 1; n <= 5; n++) append(`m${n}`, 1000, { cap: 3 });
    expect(ids()).toEqual(['m3', 'm4', 'm5']);
    expect(handle()).toEqual(['m3', 'm4', 'm5']);
    expect(state()).toMatchObject({ lost: 2, lag: 0 });
  });
});

describe('a delayed event', () => {
  it('is appended when it is due, by whoever asks then, and everybody hears of it', () => {
    const { append, work, heard, rung, ids } = newLog();
    expect(append('late', 1000, { delay: 500 })).toMatchObject({ entry: undefined, duplicate: false, broadcast: 0 });
    expect(work(1499).deliveries).toEqual([]);
    expect(heard).toEqual([]);
    expect(work(1500, { instance: 'i2' }).deliveries.map(({ body }) => messageIdOf(body))).toEqual(['late']);
    expect(heard).toEqual(['late']);
    expect(rung).toEqual(['billing i1']);
    expect(ids()).toEqual(['late']);
  });

  it('makes somebody ask, so that its time is known', () => {
    const { append, work, rung } = newLog();
    work();
    append('late', 1000, { delay: 500 });
    expect(rung).toEqual(['billing i1']);
    expect(work(1200).dueIn).toBe(300);
  });

  it('is due before what waits for longer', () => {
    const { append, work, log } = newLog();
    append('m1');
    const [{ id, token }] = work().deliveries as Delivered;
    work(1000, { settlements: [{ id, token, outcome: 'retry', delay: 700 }], holding: 1, room: 0 });
    append('late', 1000, { delay: 500 });
    append('later', 1000, { delay: 900 });
    expect(work().dueIn).toBe(500);
    expect(log.read('', 0, 1100).dueIn).toBe(400);
    expect(work(1500, { room: 0 })).toMatchObject({ more: true, dueIn: 200 });
    expect(work(1700).dueIn).toBe(200);
  });

  it('stands in the order of its time', () => {
    const { append, ids } = newLog();
    append('b', 1000, { delay: 200 });
    append('a', 1000, { delay: 100 });
    append('c', 1300);
    expect(ids(1300)).toEqual(['a', 'b', 'c']);
  });

  it('is called off by its id, once, and not when it has come due', () => {
    const { log, append, ids } = newLog();
    append('late', 1000, { delay: 500, window: HOUR });
    append('due', 1000, { delay: 100 });
    expect(ids(1100)).toEqual(['due']);
    expect(log.cancel('due')).toBe(false);
    expect(log.cancel('late')).toBe(true);
    expect(log.cancel('late')).toBe(false);
    expect(ids(9000)).toEqual(['due']);
    expect(append('late', 9000, { window: HOUR }), 'its id is free again').toMatchObject({ duplicate: false });
  });

  it('is recognised by its id before and after it came due', () => {
    const { append, ids } = newLog();
    append('mine', 1000, { delay: 500, window: HOUR });
    expect(append('mine', 1100, { delay: 500, window: HOUR })).toMatchObject({ entry: undefined, duplicate: true });
    expect(append('mine', 1600, { window: HOUR })).toMatchObject({ entry: '1600-1', duplicate: true });
    expect(ids(9000)).toEqual(['mine']);
  });
});

describe('a group', () => {
  it('begins with everything that is retained, or with what comes from now on', () => {
    const { log, append, handle, state } = newLog();
    append('m1');
    log.createGroup('all', 'start');
    log.createGroup('new', 'now');
    append('m2');
    expect(state(1000, 'new')?.lag).toBe(1);
    expect(handle(1000, 'done', 'all')).toEqual(['m1', 'm2']);
    expect(handle(1000, 'done', 'new')).toEqual(['m2']);
  });

  it.each(['start', 'now'] as const)('misses nothing of what was trimmed before it began: %s', (from) => {
    const { log, append, handle, state } = newLog();
    append('m1');
    append('m2');
    log.tend({ age: 0, count: undefined }, 2000);
    log.createGroup('new', from);
    expect(state(2000, 'new')).toMatchObject({ lag: 0, lost: 0 });
    append('m3', 2000);
    expect(handle(2000, 'done', 'new')).toEqual(['m3']);
    expect(state(2000, 'new')).toMatchObject({ lag: 0, lost: 0 });
  });

  it('stays as it is when it is made again', () => {
    const { log, append, handle } = newLog();
    append('m1');
    handle();
    log.createGroup('billing', 'start');
    expect(handle()).toEqual([]);
  });

  it('is made by whoever works for it', () => {
    const { append, handle } = newLog();
    append('m1');
    expect(handle(1000, 'done', 'new')).toEqual(['m1']);
  });

  it('says how it stands', () => {
    const { append, work, state, members } = newLog();
    for (let n = 0; n < 4; n++) append(`m${n}`, 1000 + n, { key: n === 3 ? undefined : 'a' });
    members.set('billing', 2);
    const [{ id, token }] = work(2000, { room: 1 }).deliveries as Delivered;
    expect(state(2500)).toEqual({
      group: 'billing',
      members: 2,
      lag: 3,
      pending: 1,
      retries: 0,
      oldestAge: 1500,
      deadLetters: 0,
      lost: 0,
      idle: 500,
    });
    work(3000, { settlements: [{ id, token, outcome: 'retry', delay: 9000 }], holding: 1 });
    expect(state(3000), 'two wait behind their key').toMatchObject({ lag: 0, pending: 4, retries: 1, oldestAge: 2000 });
  });

  it('is removed when it has no members', () => {
    const { log, append, members, handle } = newLog();
    append('m1');
    handle(1000, 'dead');
    members.set('billing', 1);
    expect(log.removeGroup('billing')).toBe(1);
    members.set('billing', 0);
    expect(log.removeGroup('billing')).toBe('removed');
    expect(log.removeGroup('billing')).toBeUndefined();
    expect(log.deadLetters('billing', undefined, 10)).toEqual([]);
    expect(log.tend(undefined, 1000)).toEqual([]);
  });
});

describe('trimming', () => {
  it('drops what every group has acknowledged, after its time', () => {
    const { log, append, handle, ids } = newLog();
    log.createGroup('audit', 'start');
    append('m1', 1000);
    append('m2', 2000);
    handle(2000);
    log.tend({ age: 500, count: undefined }, 9000);
    expect(ids(9000), 'audit has not read it').toEqual(['m1', 'm2']);
    handle(2000, 'done', 'audit');
    log.tend({ age: 500, count: undefined }, 2499);
    expect(ids(), 'the second one is too young').toEqual(['m2']);
    log.tend({ age: 500, count: undefined }, 2500);
    expect(ids()).toEqual([]);
  });

  it.each([
    ['is being handled', {}],
    ['waits for another attempt', { outcome: 'retry', delay: 99_999 } as const],
  ])('keeps what %s, and everything after it', (_, settlement) => {
    const { log, append, work, ids } = newLog();
    append('m1');
    append('m2');
    append('m3');
    const [first, second, third] = work().deliveries as Delivered;
    work(1000, {
      holding: 3,
      room: 0,
      settlements: [
        { id: first.id, token: first.token, outcome: 'done' },
        { id: third.id, token: third.token, outcome: 'done' },
        ...('outcome' in settlement ? [{ id: second.id, token: second.token, ...settlement }] : []),
      ],
    });
    log.tend({ age: 0, count: undefined }, 5000);
    expect(ids(5000)).toEqual(['m2', 'm3']);
  });

  it('keeps what waits behind its key', () => {
    const { log, append, work, ids } = newLog();
    append('m1', 1000, { key: 'a' });
    append('m2', 1000, { key: 'a' });
    const [first] = work().deliveries as Delivered;
    work(1000, { holding: 1, room: 0, settlements: [{ id: first.id, token: first.token, outcome: 'done' }] });
    log.tend({ age: 0, count: undefined }, 5000);
    expect(ids(5000)).toEqual(['m2']);
  });

  it('keeps no more acknowledged entries than so many, however young', () => {
    const { log, append, handle, ids } = newLog();
    for (let n = 1; n <= 5; n++) append(`m${n}`);
    handle();
    append('m6');
    log.tend({ age: HOUR, count: 2 }, 1000);
    expect(ids()).toEqual(['m4', 'm5', 'm6']);
  });

  it('drops by age what nobody works for', () => {
    const { log, append, ids } = newLog();
    append('m1');
    log.tend({ age: 500, count: undefined }, 1499);
    expect(ids()).toEqual(['m1']);
    log.tend({ age: 500, count: undefined }, 1500);
    expect(ids()).toEqual([]);
  });
});

describe('reading for oneself', () => {
  it('gives what comes after a place, in order, and from the end on nothing', () => {
    const { log, append } = newLog();
    for (let n = 1; n <= 3; n++) append(`m${n}`, 1000, { key: 'a' });
    expect(log.read('1000-1', 10, 1000)).toEqual({
      entries: [
        { id: '1000-2', body: '{"id":"m2"}', key: 'a', ordinal: 2, messageId: 'm2', only: undefined },
        { id: '1000-3', body: '{"id":"m3"}', key: 'a', ordinal: 3, messageId: 'm3', only: undefined },
      ],
      last: '1000-3',
      count: 3,
      epoch: 'memory',
      dueIn: undefined,
    });
    expect(log.read('1000-1', 1, 1000).entries).toHaveLength(1);
    expect(log.read('1000-3', 10, 1000).entries).toEqual([]);
    expect(log.read(undefined, 10, 1000)).toMatchObject({ entries: [], last: '1000-3', count: 3 });
  });

  it('goes on behind what has been trimmed meanwhile', () => {
    const { log, append } = newLog();
    for (let n = 1; n <= 4; n++) append(`m${n}`, 1000, { cap: 2 });
    expect(log.read('1000-1', 10, 1000).entries.map(({ ordinal }) => ordinal)).toEqual([3, 4]);
  });

  it('gives also what has just come due', () => {
    const { log, append } = newLog();
    append('late', 1000, { delay: 500 });
    expect(log.read('', 10, 1499)).toMatchObject({ entries: [], last: '', count: 0, dueIn: 1 });
    expect(log.read('', 10, 1500)).toMatchObject({ entries: [{ messageId: 'late' }], dueIn: undefined });
  });
});

describe('dead letters', () => {
  it('are kept with what is known of them, group by group', () => {
    const { log, append, handle } = newLog();
    append('m1', 1000, { key: 'a' });
    handle(2000, 'dead');
    handle(3000, 'dead', 'audit');
    expect(log.deadLetters('billing', undefined, 10)).toEqual([
      {
        id: '1',
        entry: '1000-1',
        body: '{"id":"m1"}',
        key: 'a',
        reason: { code: 'NO', message: 'no' },
        attempts: 1,
        firstAt: 2000,
        at: 2000,
      },
    ]);
    expect(log.deadLetter('billing', '1')).toMatchObject({ entry: '1000-1' });
    expect(log.deadLetter('audit', '1')).toBeUndefined();
    expect(log.deadLetter('audit', '2')).toMatchObject({ at: 3000 });
    expect(log.deadLetters('nobody', undefined, 10)).toEqual([]);
  });

  it('come again to their group alone, at the end, and wake it', () => {
    const { log, append, handle, rung, heard, state } = newLog();
    append('m1', 1000, { key: 'a' });
    handle(1000, 'dead');
    handle(1000, 'done', 'audit');
    append('m2');
    handle(2000);
    handle(2000, 'done', 'audit');
    rung.length = 0;
    expect(log.replay('billing', ['1', '7'], 3000)).toBe(1);
    expect(rung).toEqual([]);
    expect(heard, 'a broadcast does not hear of it').toEqual(['m1', 'm2']);
    expect(state(3000)).toMatchObject({ lag: 1, deadLetters: 0 });
    expect(handle(3000, 'done', 'audit')).toEqual([]);
    expect(handle(3000)).toEqual(['m1']);
    expect(state(3000)).toMatchObject({ lag: 0, pending: 0, lost: 0 });
    expect(state(3000, 'audit')).toMatchObject({ lag: 0, pending: 0, lost: 0 });
  });

  it('wake who waits when they come again', () => {
    const { log, append, work, handle, rung } = newLog();
    append('m1');
    handle(1000, 'dead');
    work();
    rung.length = 0;
    log.replay('billing', ['1'], 2000);
    expect(rung).toEqual(['billing i1']);
    expect(log.replay('billing', ['1'], 2000)).toBe(0);
    expect(log.replay('nobody', ['1'], 2000)).toBe(0);
    expect(rung).toHaveLength(1);
  });

  it('are purged', () => {
    const { log, append, handle } = newLog();
    for (let n = 0; n < 3; n++) append(`m${n}`);
    handle(1000, 'dead');
    expect(log.purge('billing', ['2', '9'])).toBe(1);
    expect(log.purge('billing', [])).toBe(0);
    expect(log.purge('billing', undefined)).toBe(2);
    expect(log.purge('nobody', undefined)).toBe(0);
    expect(log.deadLetters('billing', undefined, 10)).toEqual([]);
  });
});

it.each([
  ['{"id":"m1"}', 'm1'],
  ['{"id":5}', undefined],
  ['{}', undefined],
  ['null', undefined],
  ['hello', undefined],
])('messageIdOf(%s) is %s', (body, id) => {
  expect(messageIdOf(body)).toBe(id);
});
