import { expect, it } from 'vitest';
import { BusEvents } from '../src/bus-events.js';
import { RecordedLogger } from '../src/conformance/recorded-logger.js';
import { standingOf } from '../src/standing.js';
import { Losses } from '../src/losses.js';
import { Recovery } from '../src/recovery.js';
import { SequenceWatch } from '../src/sequence-watch.js';
import type { HistoryPart } from '../src/transport.js';
import { nextTurn, TurnedClock } from './doubles.js';

const CHANNEL = 'test:orders.placed';

/** A history that the test writes, a recovery that reads it, and what it has handed over and missed. */
class World {
  readonly clock = new TurnedClock();
  readonly delivered: number[] = [];
  readonly stats = { missed: 0, recovered: 0 };
  readonly recovery: Recovery;
  /** Happens after the history was read, and before the answer is here. */
  onRead: (count: number) => void = () => {};
  #history: { cursor: string; body: string }[] = [];
  #resumedAt = Number.NEGATIVE_INFINITY;

  constructor() {
    const { clock, stats } = this;
    const logger = new RecordedLogger();
    const resumedAt = () => this.#resumedAt;
    const events = new BusEvents(logger);
    const losses = new Losses({ title: 'orders.placed', stats, events, resumedAt, logger, clock });
    this.recovery = new Recovery({
      channel: CHANNEL,
      read: async (after = '', count) => this.#read(after, count),
      deliver: (body) => this.delivered.push(JSON.parse(body).data),
      room: () => undefined,
      watch: new SequenceWatch({ losses, resumedAt, clock }),
      losses,
      refused: () => {},
      clock,
    });
  }

  /** Redis takes an event that its publisher has given this number. Without `arrives` the subscriber is away. */
  publish(sequence: number, { arrives = true, size = 0 } = {}): void {
    const place = Number(this.#history.at(-1)?.cursor.split('-')[1] ?? 0) + 1;
    const cursor = `${this.clock.now()}-${place}`;
    const body = `{"cursor":"${cursor}","sequence":"${sequence}","specversion":"1.0","id":"${sequence}","source":"/shop/a","data":${sequence},"filler":"${'x'.repeat(size)}"}`;
    this.#history.push({ cursor, body });
    if (arrives) this.recovery.take(body, standingOf(body)!);
  }

  /** An event that had been under way comes on the connection. */
  arrive(sequence: number): void {
    const { body } = this.#history.find((entry) => entry.body.includes(`"sequence":"${sequence}"`))!;
    this.recovery.take(body, standingOf(body)!);
  }

  forgetEverything(): void {
    this.#history = [];
  }

  /** The subscriber is back after an interruption. */
  async resume(): Promise<void> {
    this.#resumedAt = this.clock.now();
    this.recovery.catchUp();
    await nextTurn();
  }

  /** Whatever waits to be counted is counted. */
  async settle(): Promise<void> {
    await this.clock.turn(2000);
  }

  async #read(after: string, count: number): Promise<HistoryPart> {
    const place = (cursor: string) => Number(cursor.split('-')[1]);
    const entries =
      after === '' ? [] : this.#history.filter(({ cursor }) => place(cursor) > place(after)).slice(0, count);
    const part = { entries, last: this.#history.at(-1)?.cursor };
    this.onRead(entries.length);
    return part;
  }
}

it('counts by the numbers what was in a history that is gone', async () => {
  const world = new World();
  await world.recovery.start();
  world.publish(1);
  world.publish(2, { arrives: false });
  world.publish(3, { arrives: false });
  world.forgetEverything();
  await world.resume();
  world.publish(4);
  world.publish(5);
  await world.settle();
  expect(world.delivered).toEqual([1, 4, 5]);
  expect(world.stats.missed).toBe(2);
});

it('hands over once what is published after a flush, also when the past was just being read', async () => {
  const world = new World();
  await world.recovery.start();
  for (const n of [1, 2, 3]) world.publish(n);
  world.onRead = () => {
    world.onRead = () => {};
    world.forgetEverything();
    world.clock.time += 5;
    world.publish(4);
  };
  await world.resume();
  world.clock.time += 5;
  world.publish(5);
  await world.settle();
  expect(world.delivered).toEqual([1, 2, 3, 4, 5]);
});

it('hands over once, and in order, what is too much to be held while the past is read', async () => {
  const world = new World();
  await world.recovery.start();
  world.publish(1);
  let [next, floods] = [2, 3];
  world.onRead = (count) => {
    if (count === 0 && floods-- > 0) for (let n = 0; n < 5; n++) world.publish(next++, { size: 300_000 });
  };
  await world.resume();
  world.publish(next++);
  await world.settle();
  expect(world.delivered).toEqual(Array.from({ length: next - 1 }, (_, n) => n + 1));
});

it('does not hand over again what comes after it was read, although there was another interruption in between', async () => {
  const world = new World();
  await world.recovery.start();
  world.publish(1);
  for (const n of [2, 3, 4]) world.publish(n, { arrives: false });
  await world.resume();
  world.onRead = () => {
    world.onRead = () => {};
    world.arrive(2);
    world.arrive(3);
  };
  await world.resume();
  world.arrive(4);
  await nextTurn();
  world.publish(5);
  await world.settle();
  expect(world.delivered).toEqual([1, 2, 3, 4, 5]);
});
