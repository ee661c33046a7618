import { defineChannel } from '@belfry/contracts';
import { describe, expect, it } from 'vitest';
import type { Middleware, PublishCall } from './index.js';
import { runThrough } from './middleware.js';

const newCall = (): PublishCall => ({ side: 'publish', contract: defineChannel('a'), data: 'x', extensions: {} });

/** Writes down when it is entered and left. */
const noting =
  (name: string, notes: string[]): Middleware =>
  async (_, next) => {
    notes.push(`${name} in`);
    const result = await next();
    notes.push(`${name} out`);
    return result;
  };

describe('middleware', () => {
  it('goes around the work from the outermost, which is the first', async () => {
    const notes: string[] = [];
    const result = await runThrough([noting('a', notes), noting('b', notes)], newCall(), async () => {
      notes.push('work');
      return 7;
    });
    expect(result).toBe(7);
    expect(notes).toEqual(['a in', 'b in', 'work', 'b out', 'a out']);
  });

  it('sees what the layers before it changed', async () => {
    const call = newCall();
    const louder: Middleware = (call, next) => {
      call.data = `${call.data}!`;
      return next();
    };
    await expect(runThrough([louder, louder], call, async () => call.data)).resolves.toBe('x!!');
  });

  it('may refuse, and then nothing behind it is called', async () => {
    const notes: string[] = [];
    const refuse: Middleware = async () => {
      throw new RangeError('no');
    };
    await expect(runThrough([refuse, noting('b', notes)], newCall(), async () => 7)).rejects.toThrow(RangeError);
    expect(notes).toEqual([]);
  });

  it('may give an answer of its own', async () => {
    const replace: Middleware = async (_, next) => [await next()];
    const skip: Middleware = async () => 'cached';
    await expect(runThrough([replace], newCall(), async () => 7)).resolves.toEqual([7]);
    await expect(runThrough([replace, skip], newCall(), async () => 7)).resolves.toEqual(['cached']);
  });

  it('is refused a second next(), and the work is done once', async () => {
    let count = 0;
    const twice: Middleware = async (_, next) => {
      await next();
      return next();
    };
    await expect(runThrough([twice], newCall(), async () => ++count)).rejects.toThrow('next() twice');
    expect(count).toBe(1);
  });
});
