import { type AnyRequest, defineRequest } from '@belfry/contracts';
import { expect } from 'vitest';
import { allOf, countUp, double, failureOf } from '../asking.js';
import { behaviour } from '../behaviour.js';
import { Counted, CountUp, Double, Half, type Numbered, numbers } from '../contracts.js';
import { anything } from '../schemas.js';
import { nextTurn, until } from '../waiting.js';

const ignore = () => {};
const NewDouble = defineRequest('conformance.double', {
  version: 2,
  input: anything<Numbered>(),
  output: anything<Numbered>(),
});

/** Who answers, and what when nobody does. */
export const responders = [
  behaviour('fails at once when nobody responds: NO_RESPONDERS', ['requests'], async (world) => {
    const [caller, worker] = [await world.bus('caller'), await world.bus('worker')];
    await worker.respond(Half, ({ n }) => ({ n }));
    const began = performance.now();
    const error = await failureOf(caller.request(Double, { n: 1 }, { timeout: '10s' }));
    expect(error).toMatchObject({ code: 'NO_RESPONDERS', message: expect.stringContaining('conformance.double') });
    expect(await allOf(caller.request(CountUp, { n: 1 }, { timeout: '10s' }))).toMatchObject({
      values: [],
      error: { code: 'NO_RESPONDERS' },
    });
    expect(performance.now() - began).toBeLessThan(3000);
    expect(caller.requests).toMatchObject({ asked: 2, answered: 0, failed: 2, inFlight: 0 });
  }),

  behaviour('fails at once when the last responder has ended: NO_RESPONDERS', ['requests'], async (world) => {
    const [caller, one, other] = [await world.bus('caller'), ...(await world.buses(2, 'worker'))];
    const [first, second] = await Promise.all([one!.respond(Double, double), other!.respond(Double, double)]);
    await first.end();
    for (const n of numbers(10)) expect(await caller.request(Double, { n })).toEqual({ n: n * 2 });
    expect([one!.responders, other!.responders]).toEqual([[], [second]]);
    await Promise.all([second.end(), second.end()]);
    await expect(caller.request(Double, { n: 1 })).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
    await one!.respond(Double, double);
    expect(await caller.request(Double, { n: 1 }), 'one that comes back').toEqual({ n: 2 });
  }),

  behaviour(
    'does not take those who listen to everything for responders: NO_RESPONDERS',
    ['requests', 'patterns'],
    async (world) => {
      const [caller, tap, raw] = [await world.bus('caller'), await world.bus('tap'), await world.transport()];
      await tap.subscribe('**', ignore);
      await tap.subscribe('conformance.*', ignore);
      await raw.subscribe({ kind: 'pattern', pattern: `${world.namespace}:**` }, ignore);
      await raw.subscribe({ kind: 'broadcast', channel: world.requestChannel(Double) }, ignore);
      await expect(caller.request(Double, { n: 1 })).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
    },
  ),

  behaviour('lets two versions of a request be answered side by side', ['requests'], async (world) => {
    const [caller, old, young] = [await world.bus('caller'), await world.bus('old'), await world.bus('young')];
    await old.respond(Double, double);
    await expect(caller.request(NewDouble, { n: 1 })).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
    await young.respond(NewDouble, ({ n }) => ({ n: n + n + 1000 }));
    expect(await caller.request(Double, { n: 1 })).toEqual({ n: 2 });
    expect(await caller.request(NewDouble, { n: 1 })).toEqual({ n: 1002 });
  }),

  behaviour('refuses a second service that responds to a request: DUPLICATE_RESPONDER', ['requests'], async (world) => {
    const [caller, billing, audit] = [await world.bus('caller'), await world.bus('billing'), await world.bus('audit')];
    const responder = await billing.respond(Double, double);
    const error = await failureOf(audit.respond(Double, () => ({ n: 0 })));
    expect(error).toMatchObject({ code: 'DUPLICATE_RESPONDER', message: expect.stringContaining('billing') });
    expect(error.message).toContain('conformance.double');
    for (const n of numbers(10)) expect(await caller.request(Double, { n })).toEqual({ n: n * 2 });
    expect(audit.responders).toEqual([]);
    await (await world.bus('billing')).respond(Double, double); // another instance of the first is welcome
    expect(world.logger.at('error')).toEqual([]);
    await responder.end();
    await expect(audit.respond(Double, double)).rejects.toMatchObject({ code: 'DUPLICATE_RESPONDER' });
  }),

  behaviour('lets another service respond once the first has ended', ['requests'], async (world) => {
    const [caller, billing, audit] = [await world.bus('caller'), await world.bus('billing'), await world.bus('audit')];
    await (await billing.respond(Double, double)).end();
    await audit.respond(Double, () => ({ n: 0 }));
    expect(await caller.request(Double, { n: 1 })).toEqual({ n: 0 });
  }),

  behaviour('tells of two services that began to respond at the same moment', ['requests'], async (world) => {
    const buses = [await world.bus('billing'), await world.bus('audit')];
    const began = await Promise.allSettled(buses.map((bus) => bus.respond(Double, double)));
    for (const result of began)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'DUPLICATE_RESPONDER' });
    if (began.some(({ status }) => status === 'rejected')) return;
    const told = () => world.logger.at('error').map(({ fields }) => ({ group: fields.group, rivals: fields.rivals }));
    await until(() => told().length >= 2, 'both to log it');
    expect(told()).toEqual(
      expect.arrayContaining([
        { group: 'billing', rivals: ['audit'] },
        { group: 'audit', rivals: ['billing'] },
      ]),
    );
  }),

  behaviour('refuses a second handler of one instance: DUPLICATE_HANDLER', ['requests'], async (world) => {
    const bus = await world.bus('worker');
    const responder = await bus.respond(Double, double);
    await expect(bus.respond(Double, double)).rejects.toMatchObject({
      code: 'DUPLICATE_HANDLER',
      message: expect.stringContaining('conformance.double'),
    });
    expect(bus.responders).toEqual([responder]);
    await responder.end();
    const both = await Promise.allSettled([bus.respond(Double, double), bus.respond(Double, double)]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(await bus.request(Double, { n: 1 })).toEqual({ n: 2 });
  }),

  behaviour('is ready for a request once somebody responds', ['requests'], async (world) => {
    const [caller, worker] = [await world.bus('caller'), await world.bus('worker')];
    const error = await failureOf(caller.ready(Double, { timeout: 1 }));
    expect(error).toMatchObject({ code: 'NOT_READY', message: expect.stringContaining('conformance.double') });
    let isReady = false;
    const waiting = caller.ready(Double, { groups: ['worker'] }).then(() => {
      isReady = true;
    });
    await nextTurn();
    expect(isReady).toBe(false);
    const responder = await worker.respond(Double, double);
    await waiting;
    await caller.ready(Double);
    expect(await caller.request(Double, { n: 1 })).toEqual({ n: 2 });
    await expect(caller.ready(NewDouble, { timeout: 1 }), 'another version').rejects.toMatchObject({
      code: 'NOT_READY',
    });
    await responder.end();
    await expect(caller.ready(Double, { timeout: 1 })).rejects.toMatchObject({ code: 'NOT_READY' });
  }),

  behaviour(
    'is not ready for a request because somebody listens to everything',
    ['requests', 'patterns'],
    async (world) => {
      const [caller, tap] = [await world.bus('caller'), await world.bus('tap')];
      await tap.subscribe('**', ignore);
      await expect(caller.ready(Double, { timeout: 100 })).rejects.toMatchObject({ code: 'NOT_READY' });
    },
  ),

  behaviour(
    'takes no event for a request, and no request for an event: CONTRACT_INVALID',
    ['requests'],
    async (world) => {
      const bus = await world.bus();
      const wrongUses: Record<string, () => unknown> = {
        'request(event)': () => bus.request(Counted as unknown as typeof Double, { n: 1 }),
        'request(nothing)': () => bus.request(undefined as unknown as typeof Double, { n: 1 }),
        'respond(event)': () => bus.respond(Counted as unknown as typeof Double, double),
        'respond(pattern)': () => bus.respond('conformance.*' as unknown as typeof Double, double),
        'publish(request)': () => bus.publish(Double as unknown as typeof Counted, { n: 1 }),
        'subscribe(request)': () => bus.subscribe(Double as unknown as typeof Counted, ignore, { broadcast: true }),
      };
      for (const [use, attempt] of Object.entries(wrongUses))
        await expect(attempt(), use).rejects.toMatchObject({ code: 'CONTRACT_INVALID' });
      expect([bus.requests.asked, bus.responders]).toEqual([0, []]);
    },
  ),

  behaviour('refuses mistaken options of a request or a responder: OPTION_INVALID', ['requests'], async (world) => {
    const bus = await world.bus();
    const [one, many]: AnyRequest[] = [Double, CountUp];
    for (const options of [
      { timeout: 0 },
      { timeout: 'soon' },
      { timeout: -1 },
      { signal: {} },
      { retries: 3 },
      { key: 7 },
    ]) {
      const said = JSON.stringify(options);
      await expect(bus.request(one!, { n: 1 }, options as never), said).rejects.toMatchObject({
        code: 'OPTION_INVALID',
      });
      const values = bus.request(many!, { n: 1 }, options as never) as unknown as AsyncIterable<Numbered>;
      expect(await allOf(values), `a stream, ${said}`).toMatchObject({ values: [], error: { code: 'OPTION_INVALID' } });
    }
    for (const options of [{ concurrency: 0 }, { group: 'another' }, { broadcast: true }, { maxQueuedMessages: 1.5 }])
      await expect(bus.respond(Double, double, options as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' });
    await expect(bus.respond(Double, undefined as never)).rejects.toMatchObject({ code: 'HANDLER_INVALID' });
    expect([bus.requests.asked, bus.responders]).toEqual([0, []]);
    await bus.respond(CountUp, countUp);
    expect(await allOf(bus.request(CountUp, { n: 2 })), 'none of them took the place').toMatchObject({
      values: [{ n: 0 }, { n: 1 }],
    });
  }),
];
