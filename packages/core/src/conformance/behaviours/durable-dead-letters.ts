import { defineEvent, NonRetryableError } from '@belfry/contracts';
import { expect } from 'vitest';
import type { Bus } from '../../bus.js';
import type { MessageContext } from '../../context.js';
import type { ShownDeadLetter } from '../../durable/inspection.js';
import { behaviour } from '../behaviour.js';
import { Booked, KeyedBooked, type KeyedNumber, type Numbered, numbers } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { ALL_DONE, untilDead, untilStands } from '../logs.js';
import { schemaOf } from '../schemas.js';
import type { World } from '../world.js';

/** No broker gives such an id. */
const NOBODY = '1-1';

/** The same event, as it is defined after a change. */
const BookedToday = defineEvent('conformance.booked', {
  schema: schemaOf<Numbered>((value) => (Number(value.n) < 3 ? { value: { n: Number(value.n) } } : { wrong: 'n' })),
  guarantee: 'durable',
});

/** A group that has given everything up, with another one that has handled it; from then on it handles everything, too. */
async function givenUp(world: World, count: number) {
  const [publisher, worker, audit] = [
    await world.bus('publisher'),
    await world.bus('worker'),
    await world.bus('audit'),
  ];
  const [inbox, audited, tapped] = [new Inbox<Numbered>(), new Inbox<Numbered>(), new Inbox<Numbered>()];
  const state = { isBroken: true };
  const handle = (data: Numbered, context: MessageContext) => {
    if (state.isBroken) throw new NonRetryableError('broken');
    inbox.take(data, context);
  };
  await worker.subscribe(Booked, handle, { concurrency: 1 });
  await audit.subscribe(Booked, audited.take);
  await audit.subscribe(Booked, tapped.take, { broadcast: true });
  const receipts = await Promise.all(numbers(count).map((n) => publisher.publish(Booked, { n })));
  const letters = await untilDead(publisher, Booked, 'worker', count);
  await tapped.first(count);
  state.isBroken = false;
  return { publisher, inbox, audited, tapped, receipts, letters };
}

const idsOf = (letters: readonly ShownDeadLetter[]): string[] => letters.map(({ id }) => id);

const dead = (bus: Bus) => bus.inspect(Booked).deadLetters('worker');

/** What a group has given up can be looked at, tried again, and thrown away. */
export const durableDeadLetters = [
  behaviour('keeps with a dead letter why it was given up, and the original', ['durable events'], async (world) => {
    const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
    const fail = (_: KeyedNumber, { attempt }: MessageContext) => {
      throw attempt === 1 ? new Error('another error') : new TypeError('no stock');
    };
    await worker.subscribe(KeyedBooked, fail, { retry: { attempts: 2, backoff: { delay: 20, jitter: 0 } } });
    const { id, entry } = await publisher.publish(KeyedBooked, { n: 7, key: 'c 1' });
    const [letter] = await untilDead(publisher, KeyedBooked, 'worker', 1);
    expect(letter).toEqual({
      id: expect.any(String),
      entry,
      code: 'HANDLER_FAILED',
      message: 'TypeError: no stock',
      attempts: 2,
      firstAt: expect.any(Date),
      lastAt: expect.any(Date),
      key: 'c 1',
      body: expect.stringContaining('"n":7'),
      envelope: expect.objectContaining({ id, type: 'conformance.keyed-booked', data: { n: 7, key: 'c 1' } }),
    });
    expect(letter!.lastAt.getTime() - letter!.firstAt.getTime()).toBeGreaterThanOrEqual(18);
    const inspection = publisher.inspect(KeyedBooked);
    expect(await inspection.deadLetters('worker').show(letter!.id)).toEqual(letter);
    expect(await inspection.deadLetters('worker').show(NOBODY)).toBeUndefined();
    expect(await inspection.deadLetters('nobody').list()).toEqual([]);
  }),

  behaviour('lists dead letters from the oldest on, a page at a time', ['durable events'], async (world) => {
    const { publisher, letters, receipts } = await givenUp(world, 5);
    expect(letters.map(({ entry }) => entry)).toEqual(receipts.map(({ entry }) => entry));
    const first = await dead(publisher).list({ limit: 2 });
    const second = await dead(publisher).list({ limit: 2, after: first[1]!.id });
    const third = await dead(publisher).list({ limit: 2, after: second[1]!.id });
    expect([first.length, second.length, third.length]).toEqual([2, 2, 1]);
    expect([...first, ...second, ...third]).toEqual(letters);
    expect(await dead(publisher).list({ after: third[0]!.id })).toEqual([]);
    await expect(dead(publisher).list({ limit: 0 })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  }),

  behaviour(
    'gives dead letters to their group again, one, some or all, and to nobody else',
    ['durable events'],
    async (world) => {
      const { publisher, inbox, audited, tapped, receipts, letters } = await givenUp(world, 6);
      const ids = idsOf(letters);
      const report = { replayed: 0, refused: [], missing: [] };
      expect(await dead(publisher).replay(ids[4]!)).toEqual({ ...report, replayed: 1 });
      expect(await inbox.first(1)).toEqual([{ n: 4 }]);
      expect(await dead(publisher).show(ids[4]!)).toBeUndefined();
      const some = await dead(publisher).replay([ids[1]!, NOBODY, ids[4]!, ids[0]!]);
      expect(some).toEqual({ replayed: 2, refused: [], missing: [NOBODY, ids[4]] });
      expect(await dead(publisher).replay('all')).toEqual({ ...report, replayed: 3 });
      expect(await dead(publisher).replay('all')).toEqual(report);
      expect((await inbox.first(6)).map(({ n }) => n)).toEqual([4, 1, 0, 2, 3, 5]);
      for (const [index, { n }] of inbox.data.entries())
        expect(inbox.contexts[index]).toMatchObject({ messageId: receipts[n]!.id, attempt: 1 });
      await publisher.publish(Booked, { n: 6 });
      for (const group of ['worker', 'audit'])
        await untilStands(publisher, Booked, group, { ...ALL_DONE, deadLetters: 0, lost: 0 });
      await tapped.first(7);
      expect([audited, tapped].map(({ data }) => data.map(({ n }) => n))).toEqual([numbers(7), numbers(7)]);
    },
  ),

  behaviour(
    'gives a replayed event up again when it fails again, with attempts of its own',
    ['durable events'],
    async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      const attempts: number[] = [];
      const fail = (_: Numbered, { attempt }: MessageContext) => {
        attempts.push(attempt);
        throw new Error('never');
      };
      await worker.subscribe(Booked, fail, { retry: { attempts: 2, backoff: { delay: 1 } } });
      const { id, entry } = await publisher.publish(Booked, { n: 0 }, { key: 'c 1' });
      const [first] = await untilDead(publisher, Booked, 'worker', 1);
      await dead(publisher).replay('all');
      const [second] = await untilDead(publisher, Booked, 'worker', 1);
      expect(attempts).toEqual([1, 2, 1, 2]);
      expect(second).toMatchObject({ attempts: 2, key: 'c 1', envelope: { id }, body: first!.body });
      expect(second!.id).not.toBe(first!.id);
      expect(second!.entry, 'it has a new place in the log').not.toBe(entry);
    },
  ),

  behaviour('replays no faster than it is told', ['durable events'], async (world) => {
    const { publisher, inbox } = await givenUp(world, 6);
    const began = performance.now();
    expect(await dead(publisher).replay('all', { perSecond: 40 })).toMatchObject({ replayed: 6 });
    expect(performance.now() - began, 'four in a tenth of a second').toBeGreaterThan(45);
    await inbox.first(6);
    await expect(dead(publisher).replay('all', { perSecond: 0 })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  }),

  behaviour('replays only what fits the contract as it is today', ['durable events'], async (world) => {
    const { publisher, inbox, letters } = await givenUp(world, 5);
    const report = await publisher.inspect(BookedToday).deadLetters('worker').replay('all');
    const issues = [{ message: 'It is wrong.', path: 'n' }];
    const unfit = idsOf(letters.slice(3));
    expect(report).toEqual({ replayed: 3, refused: unfit.map((id) => ({ id, issues })), missing: [] });
    expect((await inbox.first(3)).map(({ n }) => n)).toEqual([0, 1, 2]);
    expect(idsOf(await dead(publisher).list())).toEqual(unfit);
    const byName = publisher.inspect('conformance.booked').deadLetters('worker');
    expect(await byName.replay(unfit), 'by the name alone nothing is validated').toMatchObject({ replayed: 2 });
    expect((await inbox.first(5)).map(({ n }) => n)).toEqual([0, 1, 2, 3, 4]);
  }),

  behaviour('throws dead letters away, one, some or all', ['durable events'], async (world) => {
    const { publisher, letters, audited } = await givenUp(world, 5);
    const ids = idsOf(letters);
    expect(await dead(publisher).purge(ids[0]!)).toBe(1);
    expect(await dead(publisher).purge(ids[0]!)).toBe(0);
    expect(await dead(publisher).purge([ids[2]!, NOBODY, ids[3]!])).toBe(2);
    expect(await dead(publisher).purge([])).toBe(0);
    expect(idsOf(await dead(publisher).list())).toEqual([ids[1], ids[4]]);
    expect(await publisher.inspect(Booked).deadLetters('audit').purge('all'), 'of another group').toBe(0);
    expect(await dead(publisher).purge('all')).toBe(2);
    expect(await dead(publisher).list()).toEqual([]);
    expect(await dead(publisher).replay(ids)).toEqual({ replayed: 0, refused: [], missing: ids });
    expect(audited.size).toBe(5);
  }),
];
