import { expect, it } from 'vitest';
import { currentContext, runInContext } from './index.js';

it('is not there outside of a message', () => {
  expect(currentContext()).toBeUndefined();
});

it('reaches through everything that the work waits for', async () => {
  const seen = await runInContext({ correlationId: 'c-1', messageId: 'm-1' }, async () => {
    await new Promise(setImmediate);
    return currentContext();
  });
  expect(seen).toEqual({ correlationId: 'c-1', messageId: 'm-1' });
  expect(currentContext()).toBeUndefined();
});

it('keeps flows apart, and an inner one inside', async () => {
  const flow = (correlationId: string) =>
    runInContext({ correlationId }, async () => {
      await Promise.resolve();
      const inner = runInContext({ correlationId: `${correlationId}.inner` }, () => currentContext()?.correlationId);
      return [inner, currentContext()?.correlationId];
    });
  await expect(Promise.all([flow('a'), flow('b')])).resolves.toEqual([
    ['a.inner', 'a'],
    ['b.inner', 'b'],
  ]);
});

it('hands back what the work returns, and lets through what it throws', () => {
  expect(runInContext({ correlationId: 'c' }, () => 7)).toBe(7);
  expect(() =>
    runInContext({ correlationId: 'c' }, () => {
      throw new RangeError('no');
    }),
  ).toThrow(RangeError);
});
