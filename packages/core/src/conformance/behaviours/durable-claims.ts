import { expect } from 'vitest';
import type { MessageContext } from '../../context.js';
import { behaviour } from '../behaviour.js';
import { Booked, KeyedBooked, type KeyedNumber, type Numbered, numbers } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { ALL_DONE, untilDead, untilStands } from '../logs.js';
import { Stall } from '../stall.js';
import { Gate, pause, until } from '../waiting.js';

/** As short as it may be. */
const options = { claimTimeout: 100, retry: { attempts: 3, backoff: { delay: 1 } } };

/** What an instance holds that gives no sign of life belongs to the others. */
export const durableClaims = [
  behaviour(
    'takes over what an instance holds that stands still, and refuses what that does afterwards',
    ['durable events'],
    async (world) => {
      const stall = new Stall();
      const [publisher, other] = [await world.bus('publisher'), await world.bus('worker')];
      const stalled = await world.bus('worker', { transport: stall.of(await world.factory()) });
      const gate = new Gate();
      const contexts: MessageContext[] = [];
      const { stats } = await stalled.subscribe(
        KeyedBooked,
        (_, context) => {
          contexts.push(context);
          return gate.opened;
        },
        options,
      );
      await Promise.all(numbers(3).map((n) => publisher.publish(KeyedBooked, { n, key: 'a' })));
      await until(() => stats.inFlight === 1, 'the first of the key to be taken');
      stall.begin();
      const began = performance.now();
      const inbox = new Inbox<KeyedNumber>();
      await other.subscribe(KeyedBooked, inbox.take, options);
      expect(
        (await inbox.first(3)).map(({ n }) => n),
        'in the order of the key',
      ).toEqual([0, 1, 2]);
      expect(performance.now() - began, 'within the claim timeout').toBeLessThan(2000);
      expect(
        inbox.contexts.map(({ attempt }) => attempt),
        'the one that stood still had one',
      ).toEqual([2, 1, 1]);
      expect(contexts[0]?.signal.aborted).toBe(false);
      stall.end();
      await until(() => contexts[0]?.signal.aborted === true, 'the handler to be told');
      expect(contexts[0]?.signal.reason).toMatchObject({ code: 'CLAIM_LOST' });
      gate.open();
      await until(() => stats.durable?.claimsLost === 1 && stats.inFlight === 0, 'the loss to be counted');
      expect(world.logger.at('warn')).toMatchObject([{ fields: { group: 'worker', events: 1 } }]);
      await untilStands(publisher, KeyedBooked, 'worker', { ...ALL_DONE, deadLetters: 0, lost: 0 });
      expect(inbox.size).toBe(3);
    },
  ),

  behaviour(
    'refuses the acknowledgement of an instance that stood still while another one handles the event',
    ['durable events'],
    async (world) => {
      const stall = new Stall();
      const [publisher, other] = [await world.bus('publisher'), await world.bus('worker')];
      const stalled = await world.bus('worker', { transport: stall.of(await world.factory()) });
      const [first, second] = [new Gate(), new Gate()];
      // It takes nothing from the other one in its turn.
      const { stats } = await stalled.subscribe(Booked, () => first.opened, { ...options, claimTimeout: '1m' });
      await publisher.publish(Booked, { n: 0 });
      await until(() => stats.inFlight === 1, 'the event to be taken');
      stall.begin();
      const successor = await other.subscribe(Booked, () => second.opened, options);
      await until(() => successor.stats.inFlight === 1, 'the other instance to take it over');
      first.open();
      await until(() => stats.handled === 1, 'the first handler to end');
      stall.end();
      await until(() => stats.durable?.claimsLost === 1, 'the acknowledgement to be refused');
      await untilStands(publisher, Booked, 'worker', { lag: 0, pending: 1, retries: 0 });
      expect(world.logger.at('warn')).toMatchObject([{ message: expect.stringContaining('handled twice') }]);
      second.open();
      await untilStands(publisher, Booked, 'worker', { ...ALL_DONE, deadLetters: 0 });
      expect(successor.stats).toMatchObject({ handled: 1, durable: { claimsLost: 0 } });
    },
  ),

  behaviour('leaves an event with a slow handler whose instance is alive', ['durable events'], async (world) => {
    const [publisher, slow, other] = [await world.bus('publisher'), ...(await world.buses(2, 'worker'))];
    const gate = new Gate();
    const { stats } = await slow!.subscribe(Booked, () => gate.opened, { claimTimeout: 600 });
    await publisher.publish(Booked, { n: 0 });
    await until(() => stats.inFlight === 1, 'the event to be taken');
    const inbox = new Inbox<Numbered>();
    await other!.subscribe(Booked, inbox.take, { claimTimeout: 600 });
    await pause(1300); // more than two claim timeouts
    gate.open();
    await untilStands(publisher, Booked, 'worker', ALL_DONE);
    expect(inbox.data).toEqual([]);
    expect(stats).toMatchObject({ handled: 1, durable: { claimsLost: 0 } });
  }),

  behaviour(
    'gives up an event that none of its attempts came to the end of: HANDLER_CRASHED',
    ['durable events'],
    async (world) => {
      const { durable } = await world.transport();
      const publisher = await world.bus('publisher');
      const channel = world.channel(Booked);
      const { entry } = await publisher.publish(Booked, { n: 0 });
      await durable!.createGroup(channel, 'worker', 'start');
      // Instances that take it and die.
      const ask = { channel, group: 'worker', holding: 0, settlements: [], room: 1, claimTimeout: 20, once: false };
      for (const attempt of numbers(3)) {
        const instance = `${attempt}`.repeat(16);
        const isTaken = async () => {
          const { deliveries } = await durable!.work({ ...ask, instance, holder: `${instance}.0` });
          return deliveries.length === 1;
        };
        await until(isTaken, `attempt ${attempt + 1}`);
      }
      const inbox = new Inbox<Numbered>();
      const worker = await world.bus('worker');
      const { stats } = await worker.subscribe(Booked, inbox.take, options);
      const letters = await untilDead(publisher, Booked, 'worker', 1);
      expect(letters).toMatchObject([{ entry, code: 'HANDLER_CRASHED', envelope: { data: { n: 0 } } }]);
      expect(inbox.data).toEqual([]);
      expect(stats).toMatchObject({ received: 1, failed: 1, durable: { deadLettered: 1 } });
    },
  ),
];
