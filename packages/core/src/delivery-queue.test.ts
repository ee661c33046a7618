import { beforeEach, describe, expect, it } from 'vitest';
import { handlersTurn } from '../test/doubles.js';
import { Random } from './random.js';
import { DeliveryQueue, type DeliveryQueueOptions, type Work } from './delivery-queue.js';

// What handlers may use of a turn of the event loop has been used up by the tests before, where none of them waits.
beforeEach(handlersTurn);

/** A queue whose handlers end when they are told to. The channel of a message is its lane; `-` stands for none. */
class Bench {
  readonly started: string[] = [];
  readonly #ends = new Map<string, () => void>();
  readonly queue: DeliveryQueue<string>;

  constructor(options: Partial<DeliveryQueueOptions<string>> = {}) {
    this.queue = new DeliveryQueue({
      concurrency: 16,
      maxMessages: 1000,
      maxBytes: 1_000_000,
      open: (body, channel) => this.#open(body, channel),
      ...options,
    });
  }

  push(...bodies: string[]): boolean[] {
    return bodies.map((body) => this.queue.push(body, /^[a-z]+:/.test(body) ? body.split(':')[0]! : '-') === 0);
  }

  /** Lets a handler end, and whatever follows from it happen. */
  async end(body: string): Promise<void> {
    const end = this.#ends.get(body);
    if (end === undefined) throw new Error(`${body} is not being handled.`);
    this.#ends.delete(body);
    end();
    await new Promise(setImmediate);
  }

  #open(body: string, channel: string): Work | undefined {
    if (body === 'unfit') return undefined;
    return {
      lane: channel === '-' ? undefined : channel,
      run: () => {
        this.started.push(body);
        return new Promise((resolve) => this.#ends.set(body, resolve));
      },
    };
  }
}

const nothing = (): void => {};

describe('a delivery queue', () => {
  it('starts messages in order, as many at a time as it may', async () => {
    const bench = new Bench({ concurrency: 2 });
    bench.push('1', '2', '3', '4');
    expect(bench.started).toEqual(['1', '2']);
    expect(bench.queue).toMatchObject({ inFlight: 2, queued: 2 });
    await bench.end('2');
    expect(bench.started).toEqual(['1', '2', '3']);
    await bench.end('1');
    expect(bench.started).toEqual(['1', '2', '3', '4']);
    expect(bench.queue).toMatchObject({ inFlight: 2, queued: 0 });
  });

  it('handles in order with a concurrency of 1', async () => {
    const bench = new Bench({ concurrency: 1 });
    bench.push('1', '2', '3');
    for (const [index, body] of ['1', '2', '3'].entries()) {
      expect(bench.started).toHaveLength(index + 1);
      await bench.end(body);
    }
    expect(bench.started).toEqual(['1', '2', '3']);
  });

  it('handles the messages of one lane one at a time, and others meanwhile', async () => {
    const bench = new Bench();
    bench.push('a:1', 'a:2', 'b:1', '-1', 'a:3', 'b:2');
    expect(bench.started).toEqual(['a:1', 'b:1', '-1']);
    expect(bench.queue.queued).toBe(3);
    await bench.end('a:1');
    expect(bench.started).toEqual(['a:1', 'b:1', '-1', 'a:2']);
    await bench.end('a:2');
    await bench.end('b:1');
    expect(bench.started).toEqual(['a:1', 'b:1', '-1', 'a:2', 'a:3', 'b:2']);
  });

  it('goes past what is parked for a busy lane', async () => {
    const bench = new Bench({ concurrency: 2 });
    bench.push('a:1', 'a:2', 'a:3', 'b:1');
    expect(bench.started).toEqual(['a:1', 'b:1']);
    await bench.end('b:1');
    expect(bench.queue).toMatchObject({ inFlight: 1, queued: 2 });
  });

  it('passes over what is not fit to be handled', async () => {
    const bench = new Bench({ concurrency: 1 });
    bench.push('1', 'unfit', 'unfit', '2');
    await bench.end('1');
    expect(bench.started).toEqual(['1', '2']);
    await bench.end('2');
    bench.push('unfit');
    expect(bench.queue).toMatchObject({ inFlight: 0, queued: 0 });
    await bench.queue.idle();
  });

  it('takes no more messages than may wait', async () => {
    const bench = new Bench({ concurrency: 1, maxMessages: 2 });
    expect(bench.push('1', '2', '3', '4')).toEqual([true, true, true, false]);
    await bench.end('1');
    expect(bench.push('5', '6')).toEqual([true, false]);
  });

  it('counts what is parked for a lane as waiting', () => {
    const bench = new Bench({ maxMessages: 2 });
    expect(bench.push('a:1', 'a:2', 'a:3', 'a:4')).toEqual([true, true, true, false]);
  });

  it('takes no more bytes than may wait, parked or not', async () => {
    const bench = new Bench({ concurrency: 2, maxBytes: 10 });
    expect(bench.push('a:1', 'a:2345', 'b:1', '6789', 'x', '')).toEqual([true, true, true, true, false, true]);
    await bench.end('a:1');
    expect(bench.push('abcdef', 'g')).toEqual([true, false]);
  });

  it('takes any message when nothing waits, however large', () => {
    const bench = new Bench({ concurrency: 1, maxBytes: 3 });
    expect(bench.push('1', 'much too large', 'x')).toEqual([true, true, false]);
  });

  it('is idle when nothing waits and nothing is being handled, and not before', async () => {
    const bench = new Bench({ concurrency: 1 });
    let idle = 0;
    const count = () => void idle++;
    await bench.queue.idle().then(count);
    bench.push('a:1', 'a:2');
    const waits = [bench.queue.idle().then(count), bench.queue.idle().then(count)];
    await bench.end('a:1');
    expect(idle).toBe(1);
    await bench.end('a:2');
    await Promise.all(waits);
    expect(idle).toBe(3);
  });

  it('forgets what waits when it is cleared, and goes on', async () => {
    const bench = new Bench({ concurrency: 2, maxBytes: 12 });
    bench.push('a:1', 'a:2', 'b:1', 'b:2', '3');
    let idle = false;
    const waits = bench.queue.idle().then(() => {
      idle = true;
    });
    expect(bench.queue.clear()).toBe(3);
    expect(bench.queue).toMatchObject({ inFlight: 2, queued: 0 });
    expect(bench.queue.clear()).toBe(0);
    expect(bench.push('a:3', '567890')).toEqual([true, true]); // all bytes are free again
    await bench.end('a:1');
    expect(bench.started).toEqual(['a:1', 'b:1', 'a:3']);
    expect(idle).toBe(false);
    for (const body of ['b:1', 'a:3', '567890']) await bench.end(body);
    await waits;
    expect(bench.queue).toMatchObject({ inFlight: 0, queued: 0 });
  });

  it('shows what it forgets, each message once, also what is parked for a busy lane', async () => {
    const bench = new Bench({ concurrency: 2 });
    bench.push('a:1', 'a:2', 'b:1', 'a:3', 'b:2', '1');
    expect(bench.started).toEqual(['a:1', 'b:1']);
    const shown: string[] = [];
    expect(bench.queue.clear((body) => shown.push(body))).toBe(4);
    expect(shown.toSorted()).toEqual(['1', 'a:2', 'a:3', 'b:2']);
    expect(bench.queue.clear((body) => shown.push(body))).toBe(0);
    bench.push('a:4', 'b:3');
    for (const body of ['a:1', 'b:1', 'a:4', 'b:3']) await bench.end(body);
    expect(bench.started).toEqual(['a:1', 'b:1', 'a:4', 'b:3']);
    expect(shown).toHaveLength(4);
  });

  it('is idle at once when it is cleared and nothing is being handled', async () => {
    const queue: DeliveryQueue<string> = new DeliveryQueue({
      concurrency: 1,
      maxMessages: 10,
      maxBytes: 10,
      open: (body) => ({ lane: undefined, run: () => (body === 'first' ? release : undefined) }),
    });
    let end = nothing;
    const release = new Promise<void>((resolve) => {
      end = resolve;
    });
    queue.push('first', '-');
    queue.push('second', '-');
    const waits = queue.idle();
    queue.clear();
    end();
    await waits;
  });

  it('handles at once what can be handled at once', () => {
    const handled: string[] = [];
    const queue = new DeliveryQueue<string>({
      concurrency: 1,
      maxMessages: 1,
      maxBytes: 1,
      open: (body) => ({ lane: 'a', run: () => void handled.push(body) }),
    });
    for (const body of ['1', '2', '3']) expect(queue.push(body, '-')).toBe(0);
    expect(handled).toEqual(['1', '2', '3']);
    expect(queue).toMatchObject({ inFlight: 0, queued: 0 });
  });

  it('keeps order when a handler brings in more messages while it runs', () => {
    const handled: string[] = [];
    const queue: DeliveryQueue<string> = new DeliveryQueue({
      concurrency: 1,
      maxMessages: 10,
      maxBytes: 100,
      open: (body) => ({
        lane: undefined,
        run: () => {
          if (body === '1') for (const more of ['2', '3']) queue.push(more, '-');
          handled.push(body);
        },
      }),
    });
    queue.push('1', '-');
    expect(handled).toEqual(['1', '2', '3']);
  });

  it.each(['waits behind it', 'is parked for its lane'])(
    'overflows no stack when one slow message ends and 100 000 quick ones %s',
    async (where) => {
      let end = nothing;
      const slow = new Promise<void>((resolve) => {
        end = resolve;
      });
      let handled = 0;
      const queue = new DeliveryQueue<string>({
        concurrency: where === 'waits behind it' ? 1 : 2,
        maxMessages: 100_000,
        maxBytes: 1_000_000,
        open: (body) => ({ lane: 'a', run: () => (body === 'slow' ? slow : void handled++) }),
      });
      queue.push('slow', '-');
      for (let n = 0; n < 100_000; n++) queue.push('quick', '-');
      expect(queue.queued).toBe(100_000);
      end();
      await queue.idle();
      expect(handled).toBe(100_000);
    },
  );

  it('overflows no stack when 100 000 quick messages alternate between lanes', async () => {
    const ends: (() => void)[] = [];
    const order = new Map<string, number>();
    const queue = new DeliveryQueue<string>({
      concurrency: 8,
      maxMessages: 100_000,
      maxBytes: 10_000_000,
      open: (body, lane) => ({
        lane,
        run: () => {
          if (body === 'slow') return new Promise<void>((resolve) => ends.push(resolve));
          if (Number(body) < (order.get(lane) ?? 0)) throw new Error(`${body} overtook ${order.get(lane)}.`);
          order.set(lane, Number(body));
        },
      }),
    });
    for (const lane of ['a', 'b', 'c', 'd']) queue.push('slow', lane);
    for (let n = 0; n < 100_000; n++) queue.push(String(n), 'abcd'[n % 4]!);
    for (const end of ends) end();
    await queue.idle();
    expect([...order.values()].sort()).toEqual([99_996, 99_997, 99_998, 99_999]);
  });

  it.each(Array.from({ length: 40 }, (_, seed) => seed + 1))(
    'keeps its promises under random load (seed %d)',
    async (seed) => {
      const chance = new Random(seed);
      const below = (n: number) => chance.below(n);
      const concurrency = 1 + below(6);
      const maxMessages = 1 + below(30);
      const maxBytes = 20 + below(200);
      const running = new Map<string, { lane: string | undefined; end: (() => void) | undefined }>();
      const starts: string[] = [];
      const taken: string[] = [];
      const outcome = { handled: 0, unfit: 0, refused: 0, cleared: 0 };
      let waitingBytes = 0;

      const queue: DeliveryQueue<string> = new DeliveryQueue({
        concurrency,
        maxMessages,
        maxBytes,
        open: (body, channel) => {
          if (body.endsWith('!')) {
            outcome.unfit++;
            waitingBytes -= body.length;
            return undefined;
          }
          const lane = channel === '-' ? undefined : channel;
          return {
            lane,
            run: () => {
              starts.push(body);
              waitingBytes -= body.length;
              if (lane !== undefined) for (const other of running.values()) expect(other.lane).not.toBe(lane);
              expect(running.size).toBeLessThan(concurrency);
              const entry: { lane: string | undefined; end: (() => void) | undefined } = { lane, end: undefined };
              running.set(body, entry);
              const done = () => {
                running.delete(body);
                outcome.handled++;
              };
              if (body.endsWith('s')) return done();
              return new Promise<void>((resolve) => {
                entry.end = () => {
                  done();
                  resolve();
                };
              });
            },
          };
        },
      });

      let pushed = 0;
      const push = () => {
        const lane = ['-', '-', 'a', 'b', 'c'][below(5)]!;
        const body = `${lane}${pushed++}${'.'.repeat(below(12))}${['', '', 's', 's', '!'][below(5)]!}`;
        const before = queue.queued;
        waitingBytes += body.length;
        if (queue.push(body, lane) === 0) taken.push(body);
        else {
          outcome.refused++;
          waitingBytes -= body.length;
          expect(before).toBeGreaterThan(0);
        }
        expect(queue.queued).toBeLessThanOrEqual(maxMessages);
        if (queue.queued > 1) expect(waitingBytes).toBeLessThanOrEqual(maxBytes);
      };
      const endOne = () => {
        const ends = [...running.values()].flatMap(({ end }) => (end === undefined ? [] : [end]));
        ends[below(ends.length)]?.();
      };

      for (let step = 0; step < 400; step++) {
        const dice = chance.next();
        if (dice < 0.55) push();
        else if (dice < 0.85) endOne();
        else if (dice < 0.995) await new Promise(setImmediate);
        else {
          outcome.cleared += queue.clear();
          waitingBytes = 0;
        }
        expect(queue.inFlight).toBeLessThanOrEqual(concurrency);
      }
      let idle = false;
      const waits = queue.idle().then(() => {
        idle = true;
      });
      while (!idle) {
        endOne();
        await new Promise(setImmediate);
        if (running.size > 0) expect(idle).toBe(false);
      }
      await waits;

      expect(queue).toMatchObject({ inFlight: 0, queued: 0 });
      const { handled, unfit, refused, cleared } = outcome;
      expect(handled + unfit + refused + cleared).toBe(pushed);
      expect(new Set(starts).size).toBe(starts.length);
      const numbersOf = (lane: string, bodies: string[]) =>
        bodies.filter((body) => body[0] === lane).map((body) => Number.parseInt(body.slice(1), 10));
      for (const lane of ['a', 'b', 'c', '-']) {
        const numbers = numbersOf(lane, starts);
        expect(numbers).toEqual(numbers.toSorted((one, other) => one - other));
      }
      if (cleared === 0) expect(starts.toSorted()).toEqual(taken.filter((body) => !body.endsWith('!')).toSorted());
    },
  );
});
