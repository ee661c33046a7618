import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Random } from './random.js';
import { TextStore } from './text-store.js';

const PIECES = ['a', 'é', '€', '🛎', '\u0000', '\n', '"', 'x'.repeat(1000)];

describe('the store of texts', () => {
  it('gives a text back as it was, or says how long it was', () => {
    const store = new TextStore();
    const texts = ['', 'a', 'é€🛎', '{"text":"\\u001e"}'];
    for (const text of [...texts, ...texts]) store.push(text);
    expect(texts.map(() => store.shift())).toEqual(texts);
    expect(texts.map(() => store.skip())).toEqual(texts.map(({ length }) => length));
  });

  it.each([65_527, 65_528, 65_529, 3_000_000])('takes a text of %d bytes, and others before and after it', (size) => {
    const store = new TextStore();
    const texts = ['before', 'é'.repeat(size >> 1) + 'x'.repeat(size & 1), 'after'];
    for (const text of texts) store.push(text);
    for (const [at, text] of texts.entries()) expect(store.shift() === text, `text ${at}`).toBe(true);
  });

  it('goes on when it has been emptied', () => {
    const store = new TextStore();
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 100; n++) store.push('x'.repeat(5000));
      store.clear();
      store.push(`round ${round}`);
      expect(store.shift()).toBe(`round ${round}`);
    }
  });

  it('takes no more memory for a queue that stays full, also when its texts become larger or smaller', () => {
    const allocations = vi.spyOn(Buffer, 'allocUnsafeSlow');
    onTestFinished(() => allocations.mockRestore());
    const random = new Random(1);
    const store = new TextStore();
    const queued: number[] = [];
    for (const size of [1000, 100_000, 5000, 300_000, 100_000]) {
      const push = () => {
        const length = size + random.below(size / 10);
        store.push('x'.repeat(length));
        queued.push(length);
      };
      const refill = () => {
        push();
        for (let bytes = queued.reduce((one, other) => one + other); bytes > 3_000_000; ) {
          store.skip();
          bytes -= queued.shift()!;
        }
      };
      for (let n = 0; n < 4_000_000 / size; n++) refill();
      const before = allocations.mock.calls.length;
      for (let n = 0; n < 100; n++) refill();
      expect(allocations.mock.calls.length - before, `${size} bytes`).toBeLessThan(3);
    }
  });

  it('keeps no large buffer when it is empty', () => {
    const allocations = vi.spyOn(Buffer, 'allocUnsafeSlow');
    onTestFinished(() => allocations.mockRestore());
    const store = new TextStore();
    for (let n = 0; n < 3; n++) {
      store.push('x'.repeat(1_000_000));
      store.skip();
    }
    expect(allocations).toHaveBeenCalledTimes(3);
  });

  it.each(Array.from({ length: 40 }, (_, seed) => seed + 1))('does as a list of texts does (seed %d)', (seed) => {
    const random = new Random(seed);
    const store = new TextStore();
    let model: string[] = [];
    for (let step = 0; step < 600; step++) {
      const dice = random.next();
      if (dice < (step % 200 < 100 ? 0.6 : 0.35)) {
        const isLarge = random.chance(0.02);
        const times = isLarge ? 20_000 + random.below(60_000) : random.below(40);
        const text = random.pick(isLarge ? PIECES.slice(0, 4) : PIECES).repeat(times) + random.below(10);
        store.push(text);
        model.push(text);
      } else if (dice < 0.995) {
        const oldest = model.shift();
        if (oldest === undefined) continue;
        const isSame = random.chance(0.3) ? store.skip() === oldest.length : store.shift() === oldest;
        if (!isSame) throw new Error(`Step ${step} gave another text.`);
      } else {
        store.clear();
        model = [];
      }
    }
    for (const text of model) expect(store.shift() === text).toBe(true);
  });
});
