import { defineEvent, NonRetryableError } from '@belfry/contracts';
import { expect } from 'vitest';
import type { MessageContext } from '../../context.js';
import { behaviour } from '../behaviour.js';
import { Booked, Counted, type Numbered, numbers } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { ALL_DONE, untilDead, untilStands } from '../logs.js';
import { anything } from '../schemas.js';
import { Gate, pause, until } from '../waiting.js';

const CAP = 100;
const Capped = defineEvent('conformance.capped', {
  schema: anything<Numbered>(),
  guarantee: 'durable',
  retain: { cap: CAP },
});

/** How a log and its groups stand can be seen from anywhere. */
export const durableInspection = [
  behaviour('tells how each group of a log stands', ['durable events'], async (world) => {
    const publisher = await world.bus('publisher');
    const [worker, idle] = [await world.bus('worker'), await world.bus('audit')];
    const inspection = publisher.inspect(Booked);
    expect(inspection.channel).toBe(world.channel(Booked));
    expect(await inspection.groups()).toEqual([]);
    const gone = await idle.subscribe(Booked, () => {});
    await gone.end();
    const [gate, end] = [new Gate(), new Gate()];
    const handle = async ({ n }: Numbered, { attempt }: MessageContext) => {
      await gate.opened;
      if (n === 0 && attempt === 1) throw new Error('later');
      if (n === 1) throw new NonRetryableError('never');
      if (n === 2) await end.opened;
    };
    const options = { concurrency: 3, retry: { backoff: { delay: '1h' } } } as const;
    const subscription = await worker.subscribe(Booked, handle, options);
    for (const n of numbers(5)) await publisher.publish(Booked, { n }, n < 2 ? {} : { key: 'a' });
    const nothing = { retries: 0, deadLetters: 0, lost: 0, idle: expect.any(Number) };
    // 0, 1 and 2 are being handled, 3 and 4 wait.
    await until(() => subscription.stats.inFlight === 3, 'three handlers to run');
    expect(await inspection.groups()).toEqual([
      { ...nothing, group: 'audit', members: 0, lag: 5, pending: 0, oldestAge: expect.any(Number) },
      { ...nothing, group: 'worker', members: 1, lag: 2, pending: 3, oldestAge: expect.any(Number) },
    ]);
    // 0 waits for another attempt, 1 is dead, 2 is being handled, 3 and 4 wait behind its key.
    gate.open();
    const state = await untilStands(publisher, Booked, 'worker', { lag: 0, pending: 4, retries: 1, deadLetters: 1 });
    expect(state.oldestAge).toBeGreaterThanOrEqual(0);
    end.open();
    await untilStands(publisher, Booked, 'worker', { lag: 0, pending: 1, retries: 1 });
    await subscription.end();
    await pause(6);
    const last = await untilStands(publisher, Booked, 'worker', { members: 0 });
    expect(last).toMatchObject({ lag: 0, pending: 1, retries: 1, deadLetters: 1, lost: 0 });
    expect(last.oldestAge).toBeGreaterThan(state.oldestAge! + 3);
    await idle.subscribe(Booked, () => {});
    const done = await untilStands(publisher, Booked, 'audit', { ...ALL_DONE, members: 1 });
    expect(done.oldestAge, 'nothing is left').toBeUndefined();
  }),

  behaviour(
    'removes a group that nobody works for, with all that it has: GROUP_BUSY before',
    ['durable events'],
    async (world) => {
      const [publisher, worker, audit] = [
        await world.bus('publisher'),
        await world.bus('worker'),
        await world.bus('audit'),
      ];
      const inspection = publisher.inspect(Booked);
      const fail = ({ n }: Numbered) => {
        throw n < 2 ? new NonRetryableError('never') : new Error('later');
      };
      const options = { retry: { backoff: { delay: '1h' } } } as const;
      const subscription = await worker.subscribe(Booked, fail, options);
      await audit.subscribe(Booked, () => {});
      await Promise.all(numbers(5).map((n) => publisher.publish(Booked, { n }, { key: n % 2 === 0 ? 'a' : 'b' })));
      await untilStands(publisher, Booked, 'worker', { lag: 0, pending: 3, retries: 2, deadLetters: 2 });
      await expect(inspection.removeGroup('worker')).rejects.toMatchObject({
        code: 'GROUP_BUSY',
        message: expect.stringContaining('worker'),
      });
      await subscription.end();
      expect(await inspection.removeGroup('worker')).toBe(true);
      expect(await inspection.removeGroup('worker')).toBe(false);
      expect(await inspection.removeGroup('never')).toBe(false);
      expect((await inspection.groups()).map(({ group }) => group)).toEqual(['audit']);
      expect(await inspection.deadLetters('worker').list()).toEqual([]);
      expect((await publisher.publish(Booked, { n: 5 })).groups).toEqual({ audit: 1 });
      const inbox = new Inbox<Numbered>();
      await worker.subscribe(Booked, inbox.take);
      await untilStands(publisher, Booked, 'worker', { ...ALL_DONE, deadLetters: 0, lost: 0 });
      const again = inbox.data.map(({ n }) => n);
      expect(again.toSorted(), 'a group of that name begins again').toEqual(numbers(6));
      expect(again.filter((n) => n < 5 && n % 2 === 0)).toEqual([0, 2, 4]);
      expect(new Set(inbox.contexts.map(({ attempt }) => attempt))).toEqual(new Set([1]));
    },
  ),

  behaviour('inspects durable events only, by contract or by name', ['durable events'], async (world) => {
    const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
    await worker.subscribe(Booked, () => {
      throw new NonRetryableError('never');
    });
    await publisher.publish(Booked, { n: 0 });
    await untilDead(publisher, Booked, 'worker', 1);
    const byName = publisher.inspect('conformance.booked');
    expect(byName.channel).toBe(world.channel(Booked));
    expect(await byName.groups()).toMatchObject([{ group: 'worker', deadLetters: 1 }]);
    expect(() => publisher.inspect(Counted)).toThrow(expect.objectContaining({ code: 'CONTRACT_INVALID' }));
  }),

  behaviour('loses what is beyond the cap of a log, counts it and reports it', ['durable events'], async (world) => {
    const [publisher, worker, late] = [
      await world.bus('publisher'),
      await world.bus('worker'),
      await world.bus('late'),
    ];
    const before = await worker.subscribe(Capped, () => {});
    await before.end();
    for (const burst of numbers(5))
      await Promise.all(numbers(100).map((n) => publisher.publish(Capped, { n: burst * 100 + n })));
    const inbox = new Inbox<Numbered>();
    const { stats } = await worker.subscribe(Capped, inbox.take, { concurrency: 1 });
    const { lost } = await untilStands(publisher, Capped, 'worker', ALL_DONE);
    expect(inbox.size).toBeGreaterThanOrEqual(CAP);
    expect(inbox.size, 'about the cap: brokers trim in larger pieces').toBeLessThan(CAP + 200);
    expect(inbox.data.map(({ n }) => n)).toEqual(numbers(500).slice(-inbox.size));
    expect(lost).toBe(500 - inbox.size);
    expect(stats.durable).toMatchObject({ lost, deadLettered: 0 });
    expect(world.logger.at('error')).toMatchObject([{ fields: { group: 'worker', lost } }]);
    const all = new Inbox<Numbered>();
    const { stats: its } = await late.subscribe(Capped, all.take, { concurrency: 1 });
    await untilStands(publisher, Capped, 'late', { ...ALL_DONE, lost: 0 });
    expect(all.data, 'a group that comes later had none of it to lose').toEqual(inbox.data);
    expect(its.durable?.lost).toBe(0);
  }),

  behaviour('loses what is beyond the cap also of what was being tried', ['durable events'], async (world) => {
    const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
    const retry = { attempts: 10_000, backoff: { delay: 5 } };
    const fail = ({ n }: Numbered) => {
      if (n < 3) throw new Error('not yet');
    };
    const { stats } = await worker.subscribe(Capped, fail, { retry });
    await Promise.all(numbers(3).map((n) => publisher.publish(Capped, { n }, { key: 'a' })));
    await until(() => stats.failed > 0, 'a failure');
    for (const handled of [100, 200, 300, 400, 500]) {
      await Promise.all(numbers(100).map((n) => publisher.publish(Capped, { n: 3 + n })));
      await until(() => stats.handled === handled, `${handled} events`);
    }
    await untilStands(publisher, Capped, 'worker', { ...ALL_DONE, deadLetters: 0, lost: 3 });
    await until(() => stats.durable?.lost === 3, 'the loss to be told');
    expect(stats).toMatchObject({ handled: 500, durable: { deadLettered: 0 } });
  }),

  behaviour('trims what every group has acknowledged, and nothing else', ['durable events'], async (world) => {
    const [publisher, worker, behind, late] = [
      await world.bus('publisher'),
      await world.bus('worker'),
      await world.bus('behind'),
      await world.bus('late'),
    ];
    const { durable } = await world.transport();
    const tend = () => durable!.tend(world.channel(Booked), { age: 0, count: undefined });
    const away = await behind.subscribe(Booked, () => {});
    await away.end();
    await worker.subscribe(Booked, () => {});
    await Promise.all(numbers(400).map((n) => publisher.publish(Booked, { n })));
    await untilStands(publisher, Booked, 'worker', ALL_DONE);
    await tend();
    const [all, rest] = [new Inbox<Numbered>(), new Inbox<Numbered>()];
    await behind.subscribe(Booked, all.take, { concurrency: 1 });
    await untilStands(publisher, Booked, 'behind', { ...ALL_DONE, lost: 0 });
    expect(
      all.data.map(({ n }) => n),
      'one group had not read it',
    ).toEqual(numbers(400));
    await tend();
    await late.subscribe(Booked, rest.take, { concurrency: 1 });
    await untilStands(publisher, Booked, 'late', { ...ALL_DONE, lost: 0 });
    expect(rest.size, 'brokers trim in larger pieces').toBeLessThan(200);
    expect(rest.data.map(({ n }) => n)).toEqual(rest.size === 0 ? [] : numbers(400).slice(-rest.size));
  }),
];
