import { defineChannel } from '@belfry/contracts';
import { expect } from 'vitest';
import { behaviour } from '../behaviour.js';
import { Counted } from '../contracts.js';
import { nextTurn } from '../waiting.js';

const ignore = () => {};

/** A publisher can wait for its audience. */
export const ready = [
  behaviour('is ready once somebody listens', [], async (world) => {
    const [publisher, subscriber] = await world.buses(2);
    let isReady = false;
    const waiting = publisher!.ready(Counted).then(() => {
      isReady = true;
    });
    await nextTurn();
    expect(isReady).toBe(false);
    await subscriber!.subscribe(Counted, ignore, { broadcast: true });
    await waiting;
    expect((await publisher!.publish(Counted, { n: 0 })).broadcast).toBe(1);
  }),

  behaviour('is ready once each of the named groups has a member', ['groups'], async (world) => {
    const publisher = await world.bus('publisher');
    let isReady = false;
    const waiting = publisher.ready(Counted, { groups: ['billing', 'audit'] }).then(() => {
      isReady = true;
    });
    await (await world.bus('billing')).subscribe(Counted, ignore);
    await publisher.ready(Counted, { groups: ['billing'] });
    expect(isReady).toBe(false);
    await (await world.bus('audit')).subscribe(Counted, ignore);
    await waiting;
    expect((await publisher.publish(Counted, { n: 0 })).groups).toEqual({ billing: 1, audit: 1 });
  }),

  behaviour('is ready for a bare channel once somebody listens to it', ['bare channels'], async (world) => {
    const [publisher, subscriber] = await world.buses(2);
    const Bare = defineChannel(`${world.namespace}-bare`);
    await expect(publisher!.ready(Bare, { timeout: 1 })).rejects.toMatchObject({ code: 'NOT_READY' });
    await subscriber!.subscribe(Bare, ignore);
    await publisher!.ready(Bare);
    expect(await publisher!.publish(Bare, 'x')).toEqual({ broadcast: 1, groups: {} });
  }),

  behaviour('is not ready when the time is over, and names the group that is missing', ['groups'], async (world) => {
    const [publisher, billing, audit] = [
      await world.bus('publisher'),
      await world.bus('billing'),
      await world.bus('audit'),
    ];
    await expect(publisher.ready(Counted, { timeout: 100 })).rejects.toMatchObject({ code: 'NOT_READY' });
    await billing.subscribe(Counted, ignore);
    const gone = await audit.subscribe(Counted, ignore);
    await publisher.ready(Counted, { groups: ['audit', 'billing'] });
    await gone.end();
    const error: unknown = await publisher
      .ready(Counted, { groups: ['billing', 'audit'], timeout: 100 })
      .catch((reason) => reason);
    expect(error).toMatchObject({ code: 'NOT_READY', message: expect.stringContaining('audit') });
    expect((error as Error).message).toContain('conformance.counted');
    expect((error as Error).message).not.toContain('billing');
    // A name that every object has.
    await expect(publisher.ready(Counted, { groups: ['constructor'], timeout: 1 })).rejects.toMatchObject({
      code: 'NOT_READY',
    });
  }),
];
