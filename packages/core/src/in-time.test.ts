import { defineRequest, type Schema } from '@belfry/contracts';
import { describe, expect, it } from 'vitest';
import { nextTurn, Quote, startCaller, watched } from '../test/doubles.js';

const never = <T>() => new Promise<T>(() => {});
/** A schema that never comes to an end. */
const thinking: Schema<unknown> = { '~standard': { version: 1, vendor: 'test', validate: () => never() } };
const anything: Schema<unknown> = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } };
const asks = (input: Schema, output: Schema, stream = false) =>
  defineRequest('slow.work', { input, output, timeout: '1s', stream } as never);

describe('what never comes to an end on the side of the caller', () => {
  it.each([
    ['its schema of the input', { contract: asks(thinking, anything) }],
    ['its schema of the output', { contract: asks(anything, thinking), answer: 'reply' as const }],
    ['its middleware', { contract: asks(anything, anything), middleware: [() => never()] }],
  ])('is ended by the time: %s', async (_, { contract, ...other }) => {
    const { middleware = [], answer } = other as { middleware?: []; answer?: 'reply' };
    const { ask, clock, letter, pending } = startCaller({ middleware });
    const outcome = watched(ask(contract as never, 1));
    await nextTurn();
    if (answer !== undefined) letter('i-0', answer, 1);
    await clock.turn(1100);
    expect(outcome.error).toMatchObject({ code: 'REQUEST_TIMEOUT' });
    expect([clock.timers, pending()]).toEqual([0, []]);
  });

  it.each([
    ['its schema', { contract: asks(thinking, anything) }],
    ['its middleware', { contract: asks(anything, anything), middleware: [() => never()] }],
  ])('is ended by an abort: %s', async (_, { contract, ...other }) => {
    const { ask, clock } = startCaller(other as object);
    const controller = new AbortController();
    const outcome = watched(ask(contract as never, 1, { signal: controller.signal }));
    await nextTurn();
    controller.abort('enough');
    await nextTurn();
    expect(outcome.error).toMatchObject({ code: 'REQUEST_ABORTED', cause: 'enough' });
    expect(clock.timers).toBe(0);
  });

  it('ends a stream, too', async () => {
    const { ask, letter, clock, transport, pending } = startCaller();
    const first = watched(
      (ask(asks(anything, thinking, true) as never, 1) as unknown as AsyncIterator<unknown>).next(),
    );
    await nextTurn();
    letter('i-0', 'values', [1], 0);
    await clock.turn(1100);
    expect(first.error).toMatchObject({ code: 'REQUEST_TIMEOUT' });
    expect([transport.said('cancel').length, pending(), clock.timers]).toEqual([1, [], 0]);
  });
});

describe('a request that is larger than what may travel', () => {
  it('is not sent: the whole envelope counts', async () => {
    const { ask, transport } = startCaller({ maxMessageBytes: 1000 });
    const outcome = watched(ask(Quote, { sku: 'x'.repeat(900) }));
    await nextTurn();
    expect(outcome.error).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    const fits = watched(ask(Quote, { sku: 'x'.repeat(500) }));
    await nextTurn();
    expect([fits.isSettled, transport.written.length]).toEqual([false, 1]);
  });
});
