import { NonRetryableError } from '@belfry/contracts';
import { expect } from 'vitest';
import type { Bus, SubscribeOptions, Subscription } from '../../bus.js';
import type { MessageContext } from '../../context.js';
import { behaviour } from '../behaviour.js';
import { Booked, type KeyedNumber, KeyedBooked, type Numbered, numbers } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { ALL_DONE, untilStands } from '../logs.js';
import { nextTurn, pause, until } from '../waiting.js';

const KEYS = ['a', 'b', 'c', 'd', 'e'];
const retry = { attempts: 10_000, backoff: { delay: 2 } };

/** What a group did, by key: what it handled, in which order, and who did it. */
class Ledger {
  readonly handled = new Map<string, number[]>();
  readonly owners = new Map<string, Set<Bus>>();
  overlaps = 0;
  readonly #busy = new Set<string>();

  /** @param work fails, takes its time, or does nothing */
  join(
    bus: Bus,
    work: (data: KeyedNumber, context: MessageContext) => unknown,
    options: SubscribeOptions = {},
  ): Promise<Subscription> {
    const handle = async (data: KeyedNumber, context: MessageContext) => {
      const { key, n } = data;
      if (this.#busy.has(key)) this.overlaps++;
      this.#busy.add(key);
      try {
        await work(data, context);
        this.handled.set(key, [...(this.handled.get(key) ?? []), n]);
        this.owners.set(key, (this.owners.get(key) ?? new Set()).add(bus));
      } finally {
        this.#busy.delete(key);
      }
    };
    return bus.subscribe(KeyedBooked, handle, { retry, ...options });
  }
}

/** Each of the first attempts of some of the events fails, each of the others takes its time. */
const unsteady = async ({ key, n }: KeyedNumber, { attempt }: MessageContext): Promise<void> => {
  await (n % 3 === 0 ? pause((n + key.charCodeAt(0)) % 3) : nextTurn());
  if (n % 4 === 1 && attempt < 3) throw new Error('not yet');
};

/** One key is handled in its order, whoever does it and whatever goes wrong. */
export const durableOrder = [
  behaviour(
    'handles the durable events of a key one at a time and in order, through failures and with several instances',
    ['durable events'],
    async (world) => {
      const publisher = await world.bus('publisher');
      const replicas = await world.buses(3, 'billing');
      const ledger = new Ledger();
      await Promise.all(replicas.map((bus) => ledger.join(bus, unsteady)));
      for (const n of numbers(24)) {
        for (const key of KEYS) publisher.publish(KeyedBooked, { key, n }).catch(() => {});
        if (n % 4 === 0) await nextTurn();
      }
      await until(
        () => KEYS.every((key) => ledger.handled.get(key)?.length === 24),
        () => `24 of each key, not ${[...ledger.handled.values()].map(({ length }) => length)}`,
      );
      expect(ledger.overlaps).toBe(0);
      for (const key of KEYS) expect(ledger.handled.get(key), key).toEqual(numbers(24));
      await untilStands(publisher, KeyedBooked, 'billing', ALL_DONE);
    },
  ),

  behaviour(
    'keeps the order of a key also when its events alternate between instances',
    ['durable events'],
    async (world) => {
      const publisher = await world.bus('publisher');
      const replicas = await world.buses(2, 'billing');
      const ledger = new Ledger();
      await Promise.all(replicas.map((bus) => ledger.join(bus, unsteady)));
      let count = 0;
      const bothHadSome = async () => {
        for (const _ of numbers(1 + (count % 3)))
          publisher.publish(KeyedBooked, { key: 'a', n: count++ }).catch(() => {});
        await until(() => ledger.handled.get('a')?.length === count, 'what was published to be handled');
        return ledger.owners.get('a')?.size === 2;
      };
      await until(bothHadSome, 'both instances to have handled some');
      await bothHadSome();
      expect(ledger.overlaps).toBe(0);
      expect(ledger.handled.get('a')).toEqual(numbers(count));
    },
  ),

  behaviour('keeps the order of its keys while instances come and go', ['durable events'], async (world) => {
    const publisher = await world.bus('publisher');
    const replicas = await world.buses(3, 'billing');
    const ledger = new Ledger();
    const count = () => KEYS.reduce((sum, key) => sum + (ledger.handled.get(key)?.length ?? 0), 0);
    let published = 0;
    let isComing = true;
    const visits = (async () => {
      for (const visit of numbers(9)) {
        const subscription = await ledger.join(replicas[visit % 3]!, unsteady, { concurrency: 4 });
        const before = count();
        await until(() => count() >= before + 10, 'ten events in a visit');
        await subscription.end();
      }
    })().finally(() => {
      isComing = false;
    });
    while (isComing) {
      for (const key of KEYS) publisher.publish(KeyedBooked, { key, n: published }).catch(() => {});
      published++;
      await pause(1);
    }
    await visits;
    await ledger.join(replicas[0]!, unsteady);
    await until(
      () => count() === published * KEYS.length,
      () => `${published} of each of ${KEYS.length} keys, of which ${count()} came`,
    );
    expect(ledger.overlaps).toBe(0);
    for (const key of KEYS) expect(ledger.handled.get(key), key).toEqual(numbers(published));
  }),

  behaviour(
    'lets what is behind a failing event of its key wait, and nothing else',
    ['durable events'],
    async (world) => {
      const publisher = await world.bus('publisher');
      const replicas = await world.buses(2, 'billing');
      const done: string[] = [];
      const ledger = new Ledger();
      const work = ({ key, n }: KeyedNumber) => {
        if (key === 'a' && n === 0 && done.length < 10) throw new Error('the others first');
        done.push(`${key} ${n}`);
      };
      await Promise.all(replicas.map((bus) => ledger.join(bus, work)));
      for (const n of numbers(3)) publisher.publish(KeyedBooked, { key: 'a', n }).catch(() => {});
      for (const n of numbers(10)) publisher.publish(KeyedBooked, { key: n < 5 ? 'b' : 'c', n }).catch(() => {});
      await until(
        () => done.length === 13,
        () => `13 events, not ${done}`,
      );
      expect(done.slice(10)).toEqual(['a 0', 'a 1', 'a 2']);
      expect(ledger.handled.get('b')).toEqual([0, 1, 2, 3, 4]);
      expect(ledger.handled.get('c')).toEqual([5, 6, 7, 8, 9]);
    },
  ),

  behaviour('goes on with the next of a key when one is given up', ['durable events'], async (world) => {
    const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
    const ledger = new Ledger();
    const work = ({ n }: KeyedNumber) => {
      if (n % 2 === 0) throw new NonRetryableError('even');
    };
    await ledger.join(worker, work);
    await Promise.all(numbers(6).map((n) => publisher.publish(KeyedBooked, { key: 'a', n })));
    await untilStands(publisher, KeyedBooked, 'worker', { ...ALL_DONE, deadLetters: 3 });
    expect(ledger.handled.get('a')).toEqual([1, 3, 5]);
  }),

  behaviour('orders by a key that is given with a publish, too', ['durable events'], async (world) => {
    const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
    const inbox = new Inbox<Numbered>();
    const handle = (data: Numbered, context: MessageContext) => {
      if (data.n === 0 && context.attempt < 3) throw new Error('not yet');
      inbox.take(data, context);
    };
    await worker.subscribe(Booked, handle, { retry });
    const key = 'clé d’été 🔑 = x';
    await Promise.all(numbers(3).map((n) => publisher.publish(Booked, { n }, { key })));
    expect(await inbox.first(3)).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
    expect(inbox.contexts.map((context) => context.key)).toEqual([key, key, key]);
    await untilStands(publisher, Booked, 'worker', ALL_DONE);
  }),
];
