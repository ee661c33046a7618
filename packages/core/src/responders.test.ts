import { BelfryError } from '@belfry/contracts';
import { describe, expect, it } from 'vitest';
import { Count, errorWith, Quote } from '../test/doubles.js';
import type { ResolvedHandlingOptions } from './options.js';
import type { RequestReceiver } from './request-receiver.js';
import { Responders } from './responders.js';

const answer = () => ({ cents: 1 });

/** Responders whose switchboard writes down what it is told, and does as the test says. */
function startResponders(onRespond: () => Promise<void> = async () => {}) {
  const said: string[] = [];
  const asked: ResolvedHandlingOptions[] = [];
  let refusal: Error | undefined;
  const responders = new Responders('pricing', {
    respond: async ({ channel }, _, handling) => {
      asked.push(handling);
      said.push(`respond ${channel}`);
      await onRespond();
      const receiver = { stats: {}, idle: async () => {} } as unknown as RequestReceiver;
      return { receiver, link: { end: async () => void said.push(`end ${channel}`) } };
    },
  });
  const add = (contract: typeof Quote | typeof Count = Quote, options = {}) =>
    responders.add(contract, answer, options, () => refusal);
  return { responders, said, asked, add, refuse: (error: Error) => (refusal = error) };
}

describe('responders', () => {
  it('are shown while they answer, with what they answer', async () => {
    const { responders, add, said, asked } = startResponders();
    const one = await add(Quote, { concurrency: 3 });
    const other = await add(Count);
    expect(responders.handles).toEqual([one, other]);
    expect([one.request, other.request]).toEqual(['pricing.quote', 'numbers.count']);
    expect(asked.map(({ concurrency }) => concurrency)).toEqual([3, 16]);
    await one.end();
    expect(responders.handles).toEqual([other]);
    expect(responders.receivers).toHaveLength(1);
    expect(said.at(-1)).toBe('end pricing.quote');
  });

  it('are one for each request, also while the first is not confirmed yet', async () => {
    const { add } = startResponders();
    const first = add();
    await expect(add()).rejects.toMatchObject({
      code: 'DUPLICATE_HANDLER',
      message: expect.stringContaining('pricing already responds to pricing.quote'),
    });
    await (await first).end();
    await expect(add(), 'when it has ended there can be another').resolves.toBeDefined();
  });

  it('leave the request free when the broker refuses', async () => {
    const answers = [errorWith('SUBSCRIBE_REFUSED')];
    const { responders, add } = startResponders(async () => {
      const error = answers.shift();
      if (error !== undefined) throw error;
    });
    await expect(add()).rejects.toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
    expect(responders.handles).toEqual([]);
    await expect(add()).resolves.toBeDefined();
  });

  it('end at once when the bus was closed meanwhile', async () => {
    const { responders, add, said, refuse } = startResponders();
    const late = add();
    refuse(errorWith('BUS_CLOSED'));
    await expect(late).rejects.toMatchObject({ code: 'BUS_CLOSED' });
    expect(said).toEqual(['respond pricing.quote', 'end pricing.quote']);
    expect(responders.handles).toEqual([]);
  });

  it('are not begun with a wrong option', async () => {
    const { add, said } = startResponders();
    await expect(add(Quote, { concurrency: 0 })).rejects.toThrow(BelfryError);
    expect(said).toEqual([]);
  });
});
