// What can go wrong in a soak, and how it is put right again. Each fault says beforehand what it needs for itself.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionFilter } from '@belfry/testing';
import type { Random } from '@belfry/core/random';
import type { Slot, System } from './system.js';

/** A fault that has been drawn. */
export interface Fault {
  /** Nothing else may happen to these meanwhile. */
  readonly takes: readonly string[];
  /** Resolves once it is over. */
  readonly strike: () => Promise<void>;
}

type Draw = (system: System, random: Random) => Fault;

const REDIS = 'redis';

/** How long a connection is away, in milliseconds. */
const outage = (random: Random): number => random.between(200, 3000);

/** All connections of a process, or one of the two. */
const someOf = (random: Random): ConnectionFilter | undefined =>
  random.pick([undefined, { name: /:commands$/ }, { name: /:subscriber$/ }]);

const onTheWayOf =
  (draw: (slot: Slot, random: Random) => () => Promise<void>): Draw =>
  (system, random) => {
    const slot = random.pick(system.slots);
    return { takes: [`way of ${slot.name}`], strike: draw(slot, random) };
  };

const onRedis =
  (draw: (system: System, random: Random) => () => Promise<void>): Draw =>
  (system, random) => ({
    takes: [REDIS],
    strike: draw(system, random),
  });

/** Who may be killed: those who publish have to write down how it ended, and the audience has to live all the time. */
const mortal = (system: System): readonly Slot[] => [...system.those('member'), ...system.those('responder')];

const onAProcess =
  (draw: (slot: Slot, random: Random) => () => Promise<void>): Draw =>
  (system, random) => {
    const slot = random.pick(mortal(system));
    return { takes: [slot.name], strike: draw(slot, random) };
  };

/** By name, how each is drawn. */
export const faults: Readonly<Record<string, Draw>> = {
  cut: onTheWayOf(({ proxy }, random) => {
    const [filter, how] = [someOf(random), random.pick(['reset', 'end'] as const)];
    return async () => void proxy.cut(filter, how);
  }),

  refuse: onTheWayOf(({ proxy }, random) => {
    const time = outage(random);
    return async () => {
      await proxy.refuse();
      await sleep(time);
      await proxy.accept();
    };
  }),

  'half-open': onTheWayOf(({ proxy, system, name }, random) => {
    const [time, filter] = [outage(random), someOf(random)];
    const [direction, existingOnly] = [random.pick(['both', 'toClient', 'toServer'] as const), random.chance(0.5)];
    return async () => {
      const from = Date.now();
      proxy.swallow(true, { direction, existingOnly, ...(filter === undefined ? {} : { filter }) });
      await sleep(time);
      // No network goes on with a stream in which something is missing: such a connection ends.
      proxy.cut();
      proxy.swallow(false);
      system.book.troubles.push({ slot: name, why: 'half-open', from, to: Date.now() });
    };
  }),

  delay: onTheWayOf(({ proxy }, random) => {
    const [time, milliseconds] = [random.between(500, 3000), random.between(20, 400)];
    return async () => {
      proxy.delay(milliseconds);
      await sleep(time);
      proxy.delay(0);
    };
  }),

  'client kill': onRedis((system, random) => {
    const type = random.pick(['PUBSUB', 'NORMAL']);
    return () => system.asAdmin((redis) => redis.call('CLIENT', 'KILL', 'TYPE', type));
  }),

  'script flush': onRedis((system) => () => system.asAdmin((redis) => redis.call('SCRIPT', 'FLUSH'))),

  'redis killed': onRedis(({ redis }, random) => {
    const time = random.between(0, 1500);
    return async () => {
      await redis.kill('SIGKILL');
      await sleep(time);
      await redis.restart({ empty: false });
    };
  }),

  'redis stopped': onRedis(({ redis, book }, random) => {
    const time = random.between(1000, 3000);
    return async () => {
      const from = Date.now();
      await redis.kill('SIGSTOP');
      await sleep(time);
      await redis.kill('SIGCONT');
      // Nobody gives a sign of life meanwhile: whoever is the first afterwards takes what the others have.
      book.troubles.push({ slot: undefined, why: 'redis stopped', from, to: Date.now() });
    };
  }),

  killed: onAProcess((slot, random) => {
    const time = random.between(0, 2000);
    return async () => {
      await slot.kill();
      await sleep(time);
      await slot.start();
    };
  }),

  drained: onAProcess((slot, random) => {
    const time = random.between(0, 2000);
    return async () => {
      await slot.drain();
      await sleep(time);
      await slot.start();
    };
  }),
};
