import { beforeEach, describe, expect, it } from 'vitest';
import { handlersTurn, nextTurn } from '../test/doubles.js';
import { Random } from './random.js';
import { DeliveryQueue, type DeliveryQueueOptions, type DropPolicy } from './delivery-queue.js';

// What handlers may use of a turn of the event loop has been used up by the tests before, where none of them waits; then it is the turn of the socket.
beforeEach(handlersTurn);

/** A queue that starts what a test lets it start. A message begins with its lane, as in `a:1`; without one it has none. */
function bench(options: Partial<DeliveryQueueOptions<undefined>>) {
  const started: string[] = [];
  /** What the queue has told and what it has dropped, in order. */
  const told: string[] = [];
  const ends: (() => void)[] = [];
  const queue: DeliveryQueue<undefined> = new DeliveryQueue<undefined>({
    concurrency: 1,
    maxMessages: 1000,
    maxBytes: 1_000_000,
    onPressure: (full) => told.push(full ? 'full' : 'room'),
    open: (body) => ({
      lane: /^([a-z]):/.exec(body)?.[1],
      run: () => {
        started.push(body);
        return new Promise<void>((resolve) => ends.push(resolve));
      },
    }),
    ...options,
  });
  const push = (...bodies: string[]) =>
    bodies.map((body) => {
      const dropped = queue.push(body, undefined);
      if (dropped > 0) told.push(`dropped ${dropped}`);
      return dropped;
    });
  const end = async (count = 1) => {
    for (let n = 0; n < count; n++) {
      ends.shift()?.();
      await handlersTurn();
    }
  };
  return { queue, started, told, push, end };
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => String(from + n));

describe('a queue that is full', () => {
  it('drops what arrives, unless it is told otherwise', async () => {
    const { queue, started, push, end } = bench({ maxMessages: 3 });
    expect(push(...numbers(1, 6))).toEqual([0, 0, 0, 0, 1, 1]);
    expect(queue.queued).toBe(3);
    await end(3);
    expect(started).toEqual(['1', '2', '3', '4']);
  });

  it('drops what has waited longest, when it is told so', async () => {
    const { queue, started, push, end } = bench({ maxMessages: 3, drop: 'oldest' });
    expect(push(...numbers(1, 6))).toEqual([0, 0, 0, 0, 1, 1]);
    expect(queue.queued).toBe(3);
    await end(3);
    expect(started).toEqual(['1', '4', '5', '6']);
  });

  it('drops as many old ones as a large one needs', async () => {
    const { started, push, end } = bench({ maxBytes: 10, drop: 'oldest' });
    expect(push('1', '22', '333', '4444', '55555')).toEqual([0, 0, 0, 0, 2]);
    expect(push('1234567890', '12345678901', 'x')).toEqual([2, 1, 1]);
    await end(1);
    expect(started).toEqual(['1', 'x']);
  });

  it('keeps what has been read and waits for its lane: then there is nothing older to drop', async () => {
    const { queue, started, push, end } = bench({ concurrency: 2, maxMessages: 2, drop: 'oldest' });
    expect(push('a:1', 'a:2', 'a:3', 'a:4')).toEqual([0, 0, 0, 1]);
    await end(3);
    expect(started).toEqual(['a:1', 'a:2', 'a:3']);
    expect(queue.queued).toBe(0);
  });

  it('drops nothing older in vain: where what waits for its lane leaves no room, only what arrives', async () => {
    const { queue, started, push, end } = bench({ concurrency: 2, maxBytes: 20, drop: 'oldest' });
    expect(push('a:1', 'a:23456789012', 'b:1', 'c:1', 'd:1', 'too large')).toEqual([0, 0, 0, 0, 0, 1]);
    expect(queue.queued).toBe(3);
    await end(5);
    expect(started).toEqual(['a:1', 'b:1', 'a:23456789012', 'c:1', 'd:1']);
    expect(queue.queued).toBe(0);
  });

  it.each<DropPolicy>(['oldest', 'newest'])('tells that it fills up before the first is dropped (%s)', (drop) => {
    const { told, push } = bench({ maxMessages: 8, drop });
    push(...numbers(1, 7));
    expect(told).toEqual([]); // one is being handled, and six wait
    push('8');
    expect(told).toEqual(['full']);
    push('9', '10', '11');
    expect(told).toEqual(['full', 'dropped 1', 'dropped 1']);
  });

  it.each<DropPolicy>(['oldest', 'newest'])('tells it also before a single large one overflows it (%s)', (drop) => {
    const { told, push } = bench({ maxBytes: 100, drop });
    push('1', '2', 'x'.repeat(100));
    expect(told[0]).toBe('full');
    expect(told).toContain('dropped 1');
  });

  it('tells that there is room again when it is half empty, and not at every message', async () => {
    const { queue, told, push, end } = bench({ maxMessages: 8 });
    push(...numbers(1, 8));
    await end(2);
    push('9', '10');
    await end(2);
    expect([told, queue.queued, queue.isPressed]).toEqual([['full'], 5, true]);
    await end(1);
    expect([told, queue.queued, queue.isPressed]).toEqual([['full', 'room'], 4, false]);
    push('11', '12');
    expect(told).toEqual(['full', 'room']);
    push('13');
    expect(told).toEqual(['full', 'room', 'full']);
  });

  it('counts bytes for that too', async () => {
    const { told, push, end } = bench({ maxBytes: 100 });
    push('1', 'x'.repeat(40), 'x'.repeat(35));
    expect(told).toEqual([]);
    push('x');
    expect(told).toEqual(['full']);
    await end(1);
    expect(told).toEqual(['full', 'room']);
  });

  it('has room again when it is cleared', () => {
    const { queue, told, push } = bench({ maxMessages: 4 });
    push(...numbers(1, 6));
    queue.clear();
    expect(told).toEqual(['full', 'dropped 1', 'room']);
  });

  it.each(Array.from({ length: 40 }, (_, seed) => seed + 1))(
    'keeps, drops and tells under random load what it should (seed %d)',
    async (seed) => {
      const random = new Random(seed);
      const drop: DropPolicy = seed % 2 === 0 ? 'oldest' : 'newest';
      const [concurrency, maxMessages] = [1 + random.below(4), 4 + random.below(40)];
      const maxBytes = random.pick([200, 5000, 300_000]);
      const { queue, started, told, push, end } = bench({ concurrency, maxMessages, maxBytes, drop });
      // The same as a list.
      const model = { waiting: [] as string[], started: [] as string[], ended: 0, isFull: false, told: [] as string[] };
      const size = () => model.waiting.reduce((sum, { length }) => sum + length, 0);
      const look = () => {
        const part = model.isFull ? 0.5 : 0.75;
        const isFull = model.waiting.length > maxMessages * part || size() > maxBytes * part;
        if (isFull !== model.isFull) model.told.push(isFull ? 'full' : 'room');
        model.isFull = isFull;
      };
      const fill = () => {
        while (model.started.length - model.ended < concurrency && model.waiting.length > 0)
          model.started.push(model.waiting.shift()!);
      };
      const fits = (body: string) =>
        model.waiting.length === 0 || (model.waiting.length < maxMessages && size() + body.length <= maxBytes);
      const pushToModel = (body: string) => {
        let dropped = 0;
        while (drop === 'oldest' && !fits(body)) {
          model.waiting.shift();
          dropped++;
        }
        if (fits(body)) model.waiting.push(body);
        else dropped++;
        if (dropped > 0 && !model.isFull) {
          model.isFull = true;
          model.told.push('full');
        }
        if (dropped === 0 || drop === 'oldest') {
          fill();
          look();
        }
        if (dropped > 0) model.told.push(`dropped ${dropped}`);
      };
      for (let step = 0; step < 300; step++) {
        if (random.chance(step % 100 < 60 ? 0.75 : 0.3)) {
          const large = random.chance(0.1) && maxBytes > 5000 ? random.pick([30_000, 70_000]) : 0;
          const body = `${step}${random.pick(['.', 'é', '🛎']).repeat(random.below(20))}${'x'.repeat(large)}`;
          pushToModel(body);
          push(body);
        } else {
          const isRunning = model.started.length > model.ended;
          if (isRunning) model.ended++;
          fill();
          if (model.isFull) look();
          await end();
        }
        expect([queue.queued, queue.inFlight]).toEqual([model.waiting.length, model.started.length - model.ended]);
        // Told in the course of a push, and noted as dropped after it: the order of these two is looked at above.
        expect(told.toSorted()).toEqual(model.told.toSorted());
      }
      expect(started.length).toBe(model.started.length);
      expect(started.findIndex((body, at) => body !== model.started[at])).toBe(-1);
    },
  );
});

describe('a queue whose handlers never wait', () => {
  it('lets the event loop have its turns between them', async () => {
    let [handled, turns] = [0, 0];
    const queue = new DeliveryQueue<undefined>({
      concurrency: 1,
      maxMessages: 1000,
      maxBytes: 1_000_000,
      open: () => ({
        lane: undefined,
        run: () => {
          for (const end = performance.now() + 5; performance.now() < end; );
          handled++;
        },
      }),
    });
    for (let n = 0; n < 40; n++) queue.push('x', undefined);
    expect(handled, 'what fits into one turn').toBeLessThan(10);
    let isIdle = false;
    void queue.idle().then(() => {
      isIdle = true;
    });
    while (!isIdle) {
      turns++;
      await nextTurn();
    }
    expect(handled).toBe(40);
    expect(turns).toBeGreaterThan(40 / 8);
  });

  it('lets it have more of them while more arrives than can be handled', async () => {
    const longest = { calm: 0, pressed: 0 };
    for (const kind of ['calm', 'pressed'] as const) {
      let inThisTurn = 0;
      const queue = new DeliveryQueue<undefined>({
        concurrency: 1,
        maxMessages: kind === 'calm' ? 1000 : 45,
        maxBytes: 1_000_000,
        open: () => ({
          lane: undefined,
          run: () => {
            for (const end = performance.now() + 2; performance.now() < end; );
            inThisTurn++;
          },
        }),
      });
      for (let n = 0; n < 45; n++) queue.push('x', undefined);
      let isIdle = false;
      void queue.idle().then(() => {
        isIdle = true;
      });
      while (!isIdle) {
        inThisTurn = 0;
        await nextTurn();
        if (kind === 'calm' || queue.isPressed) longest[kind] = Math.max(longest[kind], inThisTurn);
      }
    }
    expect(longest.pressed).toBeGreaterThan(0);
    expect(longest.pressed).toBeLessThan(longest.calm);
  });
});
