import { expect } from 'vitest';
import type { Middleware } from '../../middleware.js';
import { behaviour } from '../behaviour.js';
import { Counted, type Numbered } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { Marks, unmarked } from '../marks.js';
import { until } from '../waiting.js';

const only =
  (side: 'publish' | 'handle', layer: Middleware): Middleware =>
  (call, next) =>
    call.side === side ? layer(call, next) : next();

/** Layers around every publish and every handler. */
export const middleware = [
  behaviour('goes through middleware on both sides, the first layer outermost', [], async (world) => {
    const steps: string[] = [];
    const layer =
      (name: string): Middleware =>
      async (call, next) => {
        steps.push(`${name} before ${call.side} ${call.contract?.name}`);
        const result = await next();
        steps.push(`${name} after ${call.side}: ${JSON.stringify(result)}`);
        return result;
      };
    const bus = await world.bus('app', { middleware: [layer('outer'), layer('inner')] });
    const publisher = await world.bus('publisher', { middleware: [layer('outer'), layer('inner')] });
    await bus.subscribe(Counted, () => 'handled', { broadcast: true });
    const receipt = await publisher.publish(Counted, { n: 1 });
    expect(receipt).toEqual({ broadcast: 1, groups: {} });
    await until(() => steps.length === 8, 'eight steps');
    const stepsOf = (side: string) => steps.filter((step) => step.includes(side));
    expect(stepsOf('publish')).toEqual([
      'outer before publish conformance.counted',
      'inner before publish conformance.counted',
      `inner after publish: ${JSON.stringify(receipt)}`,
      `outer after publish: ${JSON.stringify(receipt)}`,
    ]);
    expect(stepsOf('handle')).toEqual([
      'outer before handle conformance.counted',
      'inner before handle conformance.counted',
      'inner after handle: "handled"',
      'outer after handle: "handled"',
    ]);
  }),

  behaviour('lets middleware change what travels and what is handled', [], async (world) => {
    const add =
      (amount: number): Middleware =>
      async (call, next) => {
        call.data = { n: (call.data as Numbered).n + amount };
        if (call.side === 'publish') call.extensions.added = amount;
        return next();
      };
    const publisher = await world.bus('publisher', { middleware: [add(10)] });
    const subscriber = await world.bus('app', { middleware: [add(100)] });
    const inbox = new Inbox<Numbered>();
    await subscriber.subscribe(Counted, inbox.take, { broadcast: true });
    await publisher.publish(Counted, { n: 1 });
    expect(await inbox.first(1)).toEqual([{ n: 111 }]);
    expect(inbox.contexts[0]).toMatchObject({ data: { n: 11 }, extensions: { added: 10 } });
  }),

  behaviour('checks what middleware made of the data before it travels', [], async (world) => {
    const spoil: Middleware = async (call, next) => {
      call.data = { n: 'spoilt' };
      return next();
    };
    const publisher = await world.bus('publisher', { middleware: [spoil] });
    await expect(publisher.publish(Counted, { n: 1 })).rejects.toMatchObject({ code: 'PAYLOAD_INVALID' });
  }),

  behaviour('lets middleware refuse to publish', [], async (world) => {
    const refusal = new Error('not today');
    const refuse = only('publish', async (call, next) => {
      if ((call.data as Numbered).n === 1) throw refusal;
      return next();
    });
    const [publisher, subscriber] = [await world.bus('publisher', { middleware: [refuse] }), await world.bus()];
    const inbox = new Inbox<Numbered>();
    await subscriber.subscribe(Counted, inbox.take, { broadcast: true });
    await expect(publisher.publish(Counted, { n: 1 })).rejects.toBe(refusal);
    await publisher.publish(Counted, { n: 2 });
    await new Marks(inbox).pass(publisher, Counted);
    expect(unmarked(inbox)).toEqual([2]);
  }),

  behaviour('lets middleware refuse to handle: that is logged and counted as a failure', [], async (world) => {
    const refusal = new Error('not for me');
    const refuse = only('handle', (call, next) => {
      if ((call.data as Numbered).n === 1) throw refusal; // not even asynchronous
      return next();
    });
    const [publisher, subscriber] = [await world.bus(), await world.bus('app', { middleware: [refuse] })];
    const inbox = new Inbox<Numbered>();
    const { stats } = await subscriber.subscribe(Counted, inbox.take, { broadcast: true });
    await publisher.publish(Counted, { n: 1 });
    await publisher.publish(Counted, { n: 2 });
    expect(await inbox.first(1)).toEqual([{ n: 2 }]);
    await until(() => stats.handled === 1, 'the second message');
    expect(stats.failed).toBe(1);
    expect(world.logger.at('error')).toMatchObject([{ fields: { err: refusal } }]);
  }),
];
