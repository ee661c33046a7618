import { describe, expect, it } from 'vitest';
import { Random } from '../test/random.js';
import { TextStore } from './text-store.js';

const PIECES = ['a', 'é', '€', '🛎', '\u0000', '\n', '"', 'x'.repeat(1000)];

describe('the store of texts', () => {
  it('says how many bytes a text takes, and gives it back as it was', () => {
    const store = new TextStore();
    const texts = ['', 'a', 'é€🛎', '{"text":"\\u001e"}'];
    const sizes = texts.map((text) => store.push(text));
    expect(sizes).toEqual([0, 1, 9, 17]);
    expect(sizes.map((size) => store.shift(size))).toEqual(texts);
  });

  it.each([65_535, 65_536, 65_537, 3_000_000])('takes a text of %d bytes, and others before and after it', (size) => {
    const store = new TextStore();
    const texts = ['before', 'é'.repeat(size >> 1) + 'x'.repeat(size & 1), 'after'];
    const sizes = texts.map((text) => store.push(text));
    expect(sizes[1]).toBe(size);
    for (const [at, text] of texts.entries()) expect(store.shift(sizes[at]!) === text, `text ${at}`).toBe(true);
  });

  it('goes on when it has been emptied', () => {
    const store = new TextStore();
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 100; n++) store.push('x'.repeat(5000));
      store.clear();
      const size = store.push(`round ${round}`);
      expect(store.shift(size)).toBe(`round ${round}`);
    }
  });

  it.each(Array.from({ length: 40 }, (_, seed) => seed + 1))('does as a list of texts does (seed %d)', (seed) => {
    const random = new Random(seed);
    const store = new TextStore();
    let model: { text: string; size: number }[] = [];
    for (let step = 0; step < 600; step++) {
      const dice = random.next();
      if (dice < (step % 200 < 100 ? 0.6 : 0.35)) {
        const isLarge = random.chance(0.02);
        const times = isLarge ? 20_000 + random.below(60_000) : random.below(40);
        const text = random.pick(isLarge ? PIECES.slice(0, 4) : PIECES).repeat(times) + random.below(10);
        const size = store.push(text);
        expect(size).toBe(Buffer.byteLength(text));
        model.push({ text, size });
      } else if (dice < 0.995) {
        const oldest = model.shift();
        if (oldest === undefined) continue;
        if (random.chance(0.3)) store.skip(oldest.size);
        else if (store.shift(oldest.size) !== oldest.text) throw new Error(`Step ${step} gave another text.`);
      } else {
        store.clear();
        model = [];
      }
    }
    for (const { text, size } of model) expect(store.shift(size) === text).toBe(true);
  });
});
