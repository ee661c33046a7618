import { RequestError } from '@belfry/contracts';
import { describe, expect, it } from 'vitest';
import { nextTurn, TurnedClock, watched } from '../test/doubles.js';
import { AnswerStream, type AnswerStreamOptions } from './answer-stream.js';
import { Deadline } from './deadline.js';
import { FIRST_CREDIT, type LetterKind } from './letter.js';
import { StreamBudget } from './stream-budget.js';

interface Written {
  readonly kind: LetterKind;
  readonly values: unknown[] | undefined;
  readonly sequence: number | undefined;
}

/** A stream whose letters are received at once, or when the test says so. */
function start(values: AsyncIterable<unknown>, options: Partial<AnswerStreamOptions> & { readonly held?: true } = {}) {
  const clock = new TurnedClock();
  const written: Written[] = [];
  const waiting: ((received: boolean) => void)[] = [];
  const deadline = new Deadline(clock, Number.POSITIVE_INFINITY, 'numbers.count');
  const stream = new AnswerStream({
    values,
    encode: (value) => JSON.stringify(value),
    write: (kind, dataJson, sequence) => {
      written.push({ kind, values: dataJson === undefined ? undefined : JSON.parse(dataJson), sequence });
      return options.held ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(true);
    },
    deadline,
    timeout: 1000,
    budget: new StreamBudget(),
    clock,
    ...options,
  });
  /** Lets the letters that are under way arrive, or not. */
  const receive = async (received = true): Promise<void> => {
    for (const arrive of waiting.splice(0)) arrive(received);
    await nextTurn();
  };
  const sent = (): unknown[] => written.flatMap(({ kind, values: some }) => (kind === 'values' ? some : []));
  return { clock, stream, written, deadline, receive, sent };
}

/** Counts without end; says how far it was pulled, and whether its `finally` ran. */
function counting(limit = Number.POSITIVE_INFINITY, size = 0) {
  const source = { pulled: 0, ended: 0 };
  async function* values(): AsyncGenerator<unknown> {
    try {
      while (source.pulled < limit) {
        const n = source.pulled++;
        yield size === 0 ? n : 'x'.repeat(size);
      }
    } finally {
      source.ended++;
    }
  }
  return { source, values: values() };
}

/** Turns of the event loop until what goes on by itself has come to rest. */
async function rest(turns = 50): Promise<void> {
  for (let n = 0; n < turns; n++) await nextTurn();
}

describe('the answer of a generator', () => {
  it('is written in order, and counted', async () => {
    const { source, values } = counting(3);
    const { clock, stream, sent } = start(values);
    await stream.run();
    expect(sent()).toEqual([0, 1, 2]);
    expect([stream.written, source.ended, clock.timers]).toEqual([3, 1, 0]);
  });

  it('may be empty, and may come of any async iterable', async () => {
    const empty = start({ [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }) });
    await empty.stream.run();
    expect([empty.written, empty.stream.written]).toEqual([[], 0]);
  });

  it('travels one by one while it comes slowly, and together while a letter is on its way', async () => {
    const { values } = counting(100);
    const { stream, written, receive } = start(values, { held: true });
    const running = stream.run();
    await rest();
    expect(written).toEqual([{ kind: 'values', values: [0], sequence: 0 }]);
    await receive();
    expect(written[1]).toMatchObject({ kind: 'values', sequence: 1 });
    expect(written[1]?.values).toHaveLength(99);
    await receive();
    await running;
    expect(written.map(({ sequence }) => sequence)).toEqual([0, 1]);
    expect(stream.written).toBe(100);
  });

  it('is put into letters of at most 65536 characters, or one value', async () => {
    const { values } = counting(10, 30_000);
    const { stream, written, receive } = start(values, { held: true });
    const running = stream.run();
    for (let n = 0; n < 8; n++) {
      await rest();
      await receive();
    }
    await running;
    expect(written.map(({ values: some }) => some?.length)).toEqual([1, 2, 2, 2, 2, 1]);
    expect(written.map(({ sequence }) => sequence)).toEqual([0, 1, 3, 5, 7, 9]);
  });
});

describe('credit', () => {
  it('bounds what is pulled: no value more than the caller permits', async () => {
    const { source, values } = counting();
    const { stream } = start(values);
    const running = stream.run();
    await rest(300);
    expect([source.pulled, stream.written]).toEqual([FIRST_CREDIT, FIRST_CREDIT]);
    stream.credit(FIRST_CREDIT + 10);
    await rest(100);
    expect(source.pulled).toBe(FIRST_CREDIT + 10);
    stream.credit(FIRST_CREDIT); // an old letter, late
    stream.credit(-7);
    await rest();
    expect(source.pulled).toBe(FIRST_CREDIT + 10);
    stream.stop();
    await running;
    expect(source.ended).toBe(1);
  });

  it('does not permit more than 786432 characters that were not taken', async () => {
    const { source, values } = counting(100, 99_998); // and two quotes
    const { stream } = start(values);
    const running = stream.run();
    await rest(100);
    expect(source.pulled).toBe(8);
    stream.credit(FIRST_CREDIT + 2); // two are taken: room for as many
    await rest(100);
    expect(source.pulled).toBe(10);
    for (let taken = 3; taken <= 100; taken++) {
      stream.credit(FIRST_CREDIT + taken);
      await rest(5);
    }
    await running;
    expect(stream.written).toBe(100);
  });

  it('bounds what waits to be written, too', async () => {
    const { source, values } = counting(100, 99_998);
    const { stream } = start(values, { held: true });
    watched(stream.run());
    await rest(100);
    expect(source.pulled).toBe(8);
  });

  it('is asked for every 10 s while there is none, with the count so far', async () => {
    const { values } = counting();
    const { clock, stream, written } = start(values);
    const running = stream.run();
    await rest(300);
    const before = written.length;
    await clock.turn(9999);
    expect(written).toHaveLength(before);
    await clock.turn(20_001);
    const question = { kind: 'values', values: [], sequence: FIRST_CREDIT };
    expect(written.slice(before)).toEqual([question, question, question]);
    stream.credit(FIRST_CREDIT + 1);
    await rest();
    expect(stream.written).toBe(FIRST_CREDIT + 1);
    expect(clock.timers).toBe(1);
    stream.stop();
    await running;
    expect(clock.timers).toBe(0);
  });

  it('is no time of the handler’s: while there is none, nobody waits for it', async () => {
    const { values } = counting();
    const { stream, deadline, clock } = start(values);
    const running = stream.run();
    await rest(300);
    expect(deadline.at).toBe(Number.POSITIVE_INFINITY);
    const moves: number[] = [];
    const move = deadline.move.bind(deadline);
    deadline.move = (at) => {
      moves.push(at);
      move(at);
    };
    stream.credit(FIRST_CREDIT + 1);
    await rest();
    expect(moves).toEqual([clock.time + 1000, Number.POSITIVE_INFINITY]);
    stream.stop();
    await running;
  });
});

describe('stopping', () => {
  it('runs the finally of the generator, and writes no end', async () => {
    const { source, values } = counting();
    const { stream, written, receive } = start(values, { held: true });
    const running = stream.run();
    await rest();
    stream.stop();
    await receive();
    await running;
    expect(source.ended).toBe(1);
    expect(written.map(({ kind }) => kind)).not.toContain('end');
  });

  it('while the handler works on a value drops that value', async () => {
    let give: (n: number) => void = () => {};
    let ended = false;
    async function* slow(): AsyncGenerator<number> {
      try {
        yield await new Promise<number>((resolve) => (give = resolve));
        yield 2;
      } finally {
        ended = true;
      }
    }
    const { stream, written } = start(slow());
    const running = stream.run();
    await rest();
    stream.stop();
    give(1);
    await running;
    expect([written, ended]).toEqual([[], true]);
  });

  it('before it has begun pulls nothing', async () => {
    const { source, values } = counting();
    const { stream, written } = start(values);
    stream.stop();
    await stream.run();
    expect([source.pulled, written]).toEqual([0, []]);
  });

  it('happens when the caller does not receive a letter', async () => {
    const { source, values } = counting();
    const { stream, clock } = start(values, { write: async () => false });
    await stream.run();
    expect(source.pulled).toBeLessThan(FIRST_CREDIT);
    expect([source.ended, clock.timers]).toEqual([1, 0]);
  });

  it('happens at once when the caller does not receive a letter while there is no credit', async () => {
    const { source, values } = counting();
    const { stream, receive, clock } = start(values, { held: true });
    const running = watched(stream.run());
    await rest(300);
    expect(source.pulled).toBe(FIRST_CREDIT);
    await receive(false);
    await rest();
    expect([running.isSettled, source.ended, clock.timers]).toEqual([true, 1, 0]);
  });
});

describe('an error of the handler', () => {
  it('comes after what it gave before has been written, and says how much that was', async () => {
    async function* failing(): AsyncGenerator<number> {
      yield 1;
      yield 2;
      throw new RangeError('no');
    }
    const { stream, written, receive } = start(failing(), { held: true });
    const outcome = watched(stream.run());
    await rest();
    expect(outcome.isSettled).toBe(false);
    await receive();
    await receive();
    expect(outcome.error).toBeInstanceOf(RangeError);
    expect(written.map(({ values }) => values)).toEqual([[1], [2]]);
    expect(stream.written).toBe(2);
  });

  it('may be returned, when the contract declares it', async () => {
    const error = new RequestError({ name: 'a.b', version: 1 }, 'TOO_MANY', { most: 1 });
    async function* giving(): AsyncGenerator<number, RequestError> {
      yield 1;
      return error;
    }
    const { stream, written } = start(giving());
    await expect(stream.run()).rejects.toBe(error);
    expect(written.map(({ kind }) => kind)).toEqual(['values']);
  });

  it('is also a value that cannot be encoded: the generator runs its finally', async () => {
    const { source, values } = counting();
    const refusal = new Error('it does not fit');
    const { stream, clock } = start(values, {
      encode: async (value) => {
        if (value === 2) throw refusal;
        return JSON.stringify(value);
      },
    });
    await expect(stream.run()).rejects.toBe(refusal);
    expect([source.ended, stream.written, clock.timers]).toEqual([1, 2, 0]);
  });

  it('in its finally is thrown when it was stopped', async () => {
    const clumsy = new Error('in finally');
    async function* values(): AsyncGenerator<number> {
      try {
        for (;;) yield 1;
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: that is what is tried
        throw clumsy;
      }
    }
    const { stream } = start(values());
    const outcome = watched(stream.run());
    await rest(300);
    stream.stop();
    await rest();
    expect(outcome.error).toBe(clumsy);
  });

  it('in its finally does not hide the first one', async () => {
    async function* values(): AsyncGenerator<number> {
      try {
        yield 1;
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: that is what is tried
        throw new Error('in finally');
      }
    }
    const refusal = new Error('it does not fit');
    const { stream } = start(values(), { encode: () => Promise.reject(refusal) });
    await expect(stream.run()).rejects.toBe(refusal);
  });
});
