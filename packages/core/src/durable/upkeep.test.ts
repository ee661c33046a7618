import { describe, expect, it } from 'vitest';
import { nextTurn, TurnedClock } from '../../test/doubles.js';
import { ScriptedDurability } from '../../test/scripted-durability.js';
import { RecordedLogger } from '../conformance/recorded-logger.js';
import type { GroupState, Keep } from './durability.js';
import { Upkeep } from './upkeep.js';

const HOUR = 3_600_000;
const KEEP: Keep = { age: 86_400_000, count: undefined };

/** A group that nobody works for. */
const FORGOTTEN: GroupState = {
  group: 'audit',
  members: 0,
  lag: 3,
  pending: 2,
  retries: 1,
  oldestAge: 2 * HOUR,
  deadLetters: 0,
  lost: 0,
  idle: HOUR,
};

/** An upkeep, the calls that it made, and what it logged. */
function upkeepOf(...groups: readonly Partial<GroupState>[]) {
  const clock = new TurnedClock();
  const logger = new RecordedLogger();
  const tended: string[] = [];
  const durable = new ScriptedDurability();
  durable.tend = async (channel) => {
    tended.push(channel);
    return groups.map((group) => ({ ...FORGOTTEN, ...group }));
  };
  const upkeep = new Upkeep(durable, logger, clock);
  const tend = async (channel = 'shop:orders.placed') => {
    upkeep.tend(channel, KEEP);
    await nextTurn();
  };
  return { tend, tended, durable, logger, clock, upkeep };
}

describe('the upkeep of logs', () => {
  it('tells the broker how much is to be kept', async () => {
    const { upkeep, durable } = upkeepOf();
    const asked: unknown[] = [];
    durable.tend = async (...args) => {
      asked.push(args);
      return [];
    };
    upkeep.tend('shop:orders.placed', { age: 1000, count: 5 });
    expect(asked).toEqual([['shop:orders.placed', { age: 1000, count: 5 }]]);
  });

  it('looks after each log once in ten seconds, however often it is told to', async () => {
    const { tend, tended, clock } = upkeepOf();
    await tend('one');
    await tend('one');
    await tend('other');
    await clock.turn(9999);
    await tend('one');
    expect(tended).toEqual(['one', 'other']);
    await clock.turn(1);
    await tend('one');
    expect(tended).toEqual(['one', 'other', 'one']);
  });

  it('warns of a group that nobody works for, once an hour', async () => {
    const { tend, logger, clock } = upkeepOf({});
    await tend();
    await clock.turn(HOUR - 1);
    await tend();
    expect(logger.lines).toEqual([
      {
        level: 'warn',
        fields: {
          channel: 'shop:orders.placed',
          group: 'audit',
          idleMs: HOUR,
          waiting: 5,
          oldestAgeMs: 2 * HOUR,
        },
        message:
          'Nobody works for a group, and the log keeps everything for it. If it is forgotten, remove it: bus.inspect(contract).removeGroup(name).',
      },
    ]);
    await clock.turn(10_000);
    await tend();
    expect(logger.lines).toHaveLength(2);
  });

  it('warns of each group of each log for itself', async () => {
    const { tend, logger } = upkeepOf({ group: 'audit' }, { group: 'billing' });
    await tend('one');
    await tend('other');
    expect(logger.lines.map(({ fields: { channel, group } }) => [channel, group])).toEqual([
      ['one', 'audit'],
      ['one', 'billing'],
      ['other', 'audit'],
      ['other', 'billing'],
    ]);
  });

  it.each<[string, Partial<GroupState>]>([
    ['has asked for work within the hour', { idle: HOUR - 1 }],
    ['has nothing to do', { lag: 0, pending: 0, oldestAge: undefined }],
  ])('does not warn of a group that %s', async (_, state) => {
    const { tend, tended, logger } = upkeepOf(state);
    await tend();
    expect(tended).toHaveLength(1);
    expect(logger.lines).toEqual([]);
  });

  it.each<[string, Partial<GroupState>]>([
    ['has not read', { lag: 1, pending: 0 }],
    ['has not finished', { lag: 0, pending: 1 }],
  ])('warns of a group for what it %s', async (_, state) => {
    const { tend, logger } = upkeepOf(state);
    await tend();
    expect(logger.at('warn')).toHaveLength(1);
  });

  it('goes on when the broker cannot be asked', async () => {
    const { tend, tended, durable, logger, clock } = upkeepOf({});
    const { tend: works } = durable;
    durable.tend = async () => {
      throw new Error('It is away.');
    };
    await tend();
    expect(logger.lines).toEqual([
      {
        level: 'debug',
        fields: { channel: 'shop:orders.placed', err: new Error('It is away.') },
        message: 'A log could not be looked after.',
      },
    ]);
    durable.tend = works;
    await clock.turn(10_000);
    await tend();
    expect(tended).toHaveLength(1);
  });

  it('does nothing over a transport that has no logs', () => {
    const logger = new RecordedLogger();
    new Upkeep(undefined, logger, new TurnedClock()).tend('shop:orders.placed', KEEP);
    expect(logger.lines).toEqual([]);
  });
});
