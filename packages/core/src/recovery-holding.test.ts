import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from './clock.js';
import { type Standing, standingOf } from './standing.js';
import type { Losses } from './losses.js';
import { Recovery } from './recovery.js';
import type { SequenceWatch } from './sequence-watch.js';

interface Entry {
  readonly cursor: string;
  readonly body: string;
}

describe('what comes while the past is read', () => {
  /** The history, as it is at the broker. */
  let kept: Entry[];
  let delivered: string[];
  let reads: number;
  let recovered: number;
  /** What happens between a read and the arrival of its answer. */
  let meanwhile: () => void;
  let recovery: Recovery;
  beforeEach(() => {
    [kept, delivered, reads, recovered, meanwhile] = [[], [], 0, 0, () => {}];
    recovery = new Recovery({
      channel: 'shop:orders.kept',
      read: async (after) => {
        reads++;
        const entries = after === undefined ? [] : kept.filter(({ cursor }) => isAfter(cursor, after));
        const answer = { entries, last: kept.at(-1)?.cursor };
        meanwhile();
        return answer;
      },
      deliver: (body) => void delivered.push(standingOf(body)?.cursor ?? '?'),
      room: () => undefined,
      watch: { see: () => {}, forget: () => {} } as unknown as SequenceWatch,
      losses: {
        recovered: (_: string, count: number) => {
          recovered += count;
        },
        missed: () => {},
      } as unknown as Losses,
      refused: (error) => expect.unreachable(String(error)),
      clock: systemClock,
    });
  });

  const write = (cursor: string, data = ''): Entry => {
    const [, number] = cursor.split('-');
    const head = `{"cursor":"${cursor}","sequence":"${number}","specversion":"1.0","id":"i-${number}","source":"/p/1"`;
    const entry = { cursor, body: `${head},"data":"${data}"}` };
    kept.push(entry);
    return entry;
  };
  const publish = (cursor: string, data = ''): void => {
    const { body } = write(cursor, data);
    recovery.take(body, standingOf(body) as Standing);
  };
  const once = (work: () => void) => () => {
    meanwhile = () => {};
    work();
  };

  it('is read again where it was too much to be held', async () => {
    write('1-1');
    await recovery.start();
    meanwhile = once(() => {
      for (const cursor of ['1-2', '1-3', '1-4']) publish(cursor, 'x'.repeat(700_000));
    });
    recovery.catchUp();
    await expect.poll(() => delivered.length).toBeGreaterThan(0);
    publish('1-5');
    await expect.poll(() => delivered.includes('1-5')).toBe(true);
    expect(delivered).toEqual(['1-2', '1-3', '1-4', '1-5']);
  });

  it('is gone on with as soon as the history has been read up to it, although there is always more to read', async () => {
    write('1-1');
    await recovery.start();
    for (const number of [2, 3, 4]) write(`1-${number}`); // missed
    let next = 5;
    meanwhile = () => {
      if (next < 200) publish(`1-${next++}`);
    };
    recovery.catchUp();
    await expect.poll(() => recovered).toBe(3);
    expect(reads).toBeLessThan(5);
    publish(`1-${next}`);
    expect(delivered).toEqual(Array.from({ length: next - 1 }, (_, at) => `1-${at + 2}`));
  });

  it('is handed over, and first, where the history was emptied meanwhile', async () => {
    write('1-1');
    await recovery.start();
    for (const number of [2, 3]) write(`1-${number}`); // missed
    meanwhile = once(() => {
      publish('1-4');
      kept = [];
      publish('2-1');
      publish('2-2');
    });
    recovery.catchUp();
    await expect.poll(() => delivered.includes('2-2')).toBe(true);
    publish('2-3');
    await expect.poll(() => delivered.includes('2-3')).toBe(true);
    expect(delivered).toEqual(['1-2', '1-3', '1-4', '2-1', '2-2', '2-3']);
  });
});

const isAfter = (one: string, other: string): boolean => {
  const [[time = 0, number = 0], [otherTime = 0, otherNumber = 0]] = [one, other].map((text) =>
    text.split('-').map(Number),
  ) as [number[], number[]];
  return time > otherTime || (time === otherTime && number > otherNumber);
};
