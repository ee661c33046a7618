import type { TransportFactory } from '@belfry/core';
import { Activity } from './activity.js';
import { Facts } from './facts.js';
import type { Time } from './time.js';

/** Who has a bus in this world. Of what a factory makes the name is known only afterwards. */
export interface Identity {
  service: string;
  /** Its name among those of the harness, like `billing#2`. */
  instance: string;
}

/** What one bus of a world runs on. */
export interface Place {
  readonly transport: TransportFactory;
  readonly clock: Time['clock'];
  /** It has crashed. */
  readonly isGone: () => boolean;
}

/** What the harness stands in: the memory of this process, a Redis, or a schedule that a seed decides. */
export interface World {
  readonly time: Time;
  readonly namespace: string;
  /** It writes the commits down itself. */
  readonly tellsCommits: boolean;
  place(identity: Identity): Place;
  /** Something is still to be done before it comes to rest. */
  readonly isBusy: () => boolean;
  /** A service has been started, and would be by this again. */
  ready(identity: Identity, again: () => Promise<unknown>): void;
}

/** What the world must know before there is a harness in it. */
export interface Insight {
  readonly activity: Activity;
  readonly facts: Facts;
  /** Every commit that was accepted. */
  readonly commits: (readonly (readonly string[])[])[];
}

/** Nothing has been seen yet. */
export const insight = (): Insight => ({ activity: new Activity(), facts: new Facts(), commits: [] });
