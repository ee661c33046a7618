import { expect } from 'vitest';
import type { Receipt } from '../../transport.js';
import { behaviour } from '../behaviour.js';
import { Counted, type Numbered, numbers, Recounted } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { Marks, unmarked } from '../marks.js';
import { Gate, until } from '../waiting.js';

const ignore = () => {};

/** A bus comes to rest. */
export const closing = [
  behaviour('finishes what is queued and in flight before it closes', ['groups'], async (world) => {
    const [publisher, worker, end] = [await world.bus('publisher'), await world.bus('worker'), await world.bus('end')];
    const gate = new Gate();
    const relayed = new Inbox<Numbered>();
    const subscription = await worker.subscribe(
      Counted,
      async (data) => {
        await gate.opened;
        await worker.publish(Recounted, data);
      },
      { concurrency: 2 },
    );
    await end.subscribe(Recounted, relayed.take);
    await Promise.all(numbers(20).map((n) => publisher.publish(Counted, { n })));
    await until(() => subscription.stats.received === 20, 'twenty messages');
    const closed = worker.close();
    expect(subscription.stats.inFlight).toBe(2);
    gate.open();
    expect(await closed).toEqual({ abandoned: 0, handedOver: 0 });
    expect(subscription.stats).toMatchObject({ received: 20, handled: 20, failed: 0, abandoned: 0 });
    const results = (await relayed.first(20)).map(({ n }) => n);
    expect(
      results.toSorted((a, b) => a - b),
      'handlers may publish until the end',
    ).toEqual(numbers(20));
    expect(worker.subscriptions).toEqual([]);
  }),

  behaviour('refuses to publish, subscribe or wait once it is closed: BUS_CLOSED', [], async (world) => {
    const bus = await world.bus();
    await bus.subscribe(Counted, ignore, { broadcast: true });
    const closing = bus.close();
    await expect(bus.subscribe(Recounted, ignore, { broadcast: true })).rejects.toMatchObject({ code: 'BUS_CLOSED' });
    await closing;
    await expect(bus.publish(Counted, { n: 1 })).rejects.toMatchObject({ code: 'BUS_CLOSED' });
    await expect(bus.subscribe(Counted, ignore, { broadcast: true })).rejects.toMatchObject({ code: 'BUS_CLOSED' });
    expect(await bus.close(), 'closing again is no mistake').toEqual({ abandoned: 0, handedOver: 0 });
  }),

  behaviour('closes although nothing was ever done with it', [], async (world) => {
    expect(await (await world.bus()).close()).toEqual({ abandoned: 0, handedOver: 0 });
  }),

  behaviour('settles every publish that was under way when it closed', [], async (world) => {
    const [publisher, subscriber] = await world.buses(2);
    const inbox = new Inbox<Numbered>();
    await subscriber!.subscribe(Counted, inbox.take, { broadcast: true });
    const published = numbers(100).map((n) => publisher!.publish(Counted, { n }));
    await publisher!.close();
    for (const receipt of await Promise.all(published)) expect(receipt.broadcast).toBe(1);
    expect((await inbox.first(100)).map(({ n }) => n)).toEqual(numbers(100));
  }),

  behaviour('hands its work to the other members of its group when it closes', ['groups'], async (world) => {
    const [publisher, stays, closes] = [await world.bus('publisher'), ...(await world.buses(2, 'worker'))];
    const [staying, closed] = [new Inbox<Numbered>(), new Inbox<Numbered>()];
    await stays!.subscribe(Counted, staying.take);
    await closes!.subscribe(Counted, closed.take);
    const published: Promise<Receipt>[] = numbers(100).map((n) => publisher.publish(Counted, { n }));
    await Promise.all(published);
    const closing = closes!.close();
    for (const n of numbers(100)) published.push(publisher.publish(Counted, { n: 100 + n }));
    await closing;
    const before = closed.size;
    for (const n of numbers(100)) published.push(publisher.publish(Counted, { n: 200 + n }));
    for (const { groups } of await Promise.all(published)) expect(groups).toEqual({ worker: 1 });
    await new Marks(staying).pass(publisher, Counted);
    expect(closed.size).toBe(before);
    const all = [...unmarked(staying), ...unmarked(closed)];
    expect(all.toSorted((a, b) => a - b)).toEqual(numbers(300));
  }),

  behaviour('gives up a stuck handler when the time is over, tells it so, and reports', ['groups'], async (world) => {
    const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
    const started: number[] = [];
    const aborted: number[] = [];
    const { stats } = await worker.subscribe(
      Counted,
      ({ n }, { signal }) => {
        started.push(n);
        return new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => {
            aborted.push(n);
            resolve();
          });
        });
      },
      { concurrency: 2 },
    );
    await Promise.all(numbers(6).map((n) => publisher.publish(Counted, { n })));
    await until(() => stats.received === 6, 'six messages');
    expect(aborted).toEqual([]);
    expect(await worker.close({ timeout: 100 })).toEqual({ abandoned: 6, handedOver: 0 });
    expect(aborted).toEqual([0, 1]);
    expect(started, 'what still waited is not started any more').toEqual([0, 1]);
    expect(stats.abandoned).toBe(4);
    expect(world.logger.at('warn')).toMatchObject([{ fields: { abandoned: 6 } }]);
    expect(await publisher.publish(Counted, { n: 7 })).toEqual({ broadcast: 0, groups: { worker: 0 } });
  }),
];
