import type { Settlement, WorkRequest } from '@belfry/core';
import { describe, expect, it } from 'vitest';
import { durationOf, toWork, workArguments } from './work-call.js';

const REQUEST: Omit<WorkRequest, 'channel'> = {
  group: 'billing',
  instance: 'i1',
  holder: 'i1.0',
  holding: 3,
  settlements: [],
  room: 2,
  claimTimeout: 333.3,
  once: false,
};
const nameOf = (token: number) => ({ id: `${token}-0`, token });

/** What work.lua is told of settlements: how many are plain, and then each. */
const told = (...settlements: Settlement[]) => workArguments({ ...REQUEST, settlements }).slice(11);

/** The first part of what work.lua returns: up to the tokens that are kept. */
const reply = ({
  dueIn = '',
  flags = [0, 0, 0, 0] as number[],
  refused = [] as string[],
  kept = [] as string[],
} = {}) => [dueIn, ...flags, 'e', 7, refused, kept] as const;

describe('what work.lua is told', () => {
  it('is who asks, for how much, and with what in hand; times are whole milliseconds', () => {
    const told = workArguments(REQUEST);
    expect(told).toEqual(['billing', 'i1', 'i1.0', '3', '2', '334', '10000', '0', '', '', '', '0']);
    expect(workArguments({ ...REQUEST, once: true }, '5', '1000').slice(6)).toEqual(['5', '1', '', '', '1000', '0']);
  });

  it('names former terms, and what is known of them', () => {
    const former = { holders: ['i1.0', 'i1.1'], known: [nameOf(4), nameOf(5)] };
    expect(workArguments({ ...REQUEST, former }).slice(8, 10)).toEqual(['i1.0 i1.1 ', '4-0 4 5-0 5 ']);
  });

  it('is first what was handled and no more, then everything else that is settled', () => {
    const done = (token: number): Settlement => ({ ...nameOf(token), outcome: 'done' });
    expect(told(done(1), { ...nameOf(2), outcome: 'retry', delay: 1.5 }, done(3))).toEqual([
      ...['2', '1-0', '1', '3-0', '3'],
      ...['2-0', '2', 'retry', '2', ''],
    ]);
  });

  it.each<[string, Settlement, [string, string, string]]>([
    ['a release', { ...nameOf(1), outcome: 'release' }, ['release', '', '']],
    ['a death', { ...nameOf(1), outcome: 'dead', reason: { code: 'C', message: 'm' } }, ['dead', 'C', 'm']],
    ['a mark', { ...nameOf(1), outcome: 'done', once: { messageId: 'm 1', window: 0.2 } }, ['done', '1 m 1', '']],
    ['a commit', { ...nameOf(1), outcome: 'done', commands: [['INCR', 'a']] }, ['done', '', '[["INCR","a"]]']],
    ['an empty commit', { ...nameOf(1), outcome: 'done', commands: [] }, ['done', '', '[]']],
  ])('says what belongs to %s', (_, settlement, details) => {
    expect(told(settlement)).toEqual(['0', '1-0', '1', ...details]);
  });
});

describe('what work.lua returns', () => {
  it('is read', () => {
    const head = reply({ dueIn: '80', flags: [1, 1, 2, 3], refused: ['4'], kept: ['5', '6'] });
    expect(toWork([...head, ['8', 'no such command.'], '0', [], []])).toEqual({
      dueIn: 80,
      more: true,
      lapsed: true,
      lost: 2,
      repeated: 3,
      epoch: 'e',
      count: 7,
      refused: [4],
      kept: [5, 6],
      failed: [{ token: 8, message: 'no such command.' }],
      deliveries: [],
    });
    expect(toWork([...reply(), [], '0', [], []])).toMatchObject({ dueIn: undefined, more: false, lapsed: false });
  });

  it('numbers deliveries from the first token, and notes which are no first attempt, or have a key', () => {
    const given = ['1-0', '{"n":1}', '2-0', '{"n":2}', '3-0', '{"n":3}', '4-0', '{"n":4}'];
    const notes = [2, 3, '', '4', '1', '=a=b'];
    const { deliveries } = toWork([...reply(), [], '21', given, notes]);
    expect(deliveries).toEqual([
      { id: '1-0', body: '{"n":1}', token: 21, attempt: 1, key: undefined },
      { id: '2-0', body: '{"n":2}', token: 22, attempt: 3, key: undefined },
      { id: '3-0', body: '{"n":3}', token: 23, attempt: 1, key: undefined },
      { id: '4-0', body: '{"n":4}', token: 24, attempt: 1, key: 'a=b' },
    ]);
  });
});

it.each([
  ['80', 80],
  ['0', 0],
  ['', undefined],
  ['inf', undefined],
  ['1e999', undefined],
])('a duration %j is %s', (text, duration) => {
  expect(durationOf(text)).toBe(duration);
});
