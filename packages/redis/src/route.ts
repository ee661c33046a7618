import { type Clock, sleep } from '@belfry/core';
import type { Redis } from 'ioredis';
import { isNoPermission, isRefusal, isUnavailable, unavailable } from './failure.js';
import { nameLackingRight } from './lacking-rights.js';
import type { Server } from './server.js';
import type { Topology } from './topology.js';

export interface RouteOptions {
  readonly topology: Topology;
  /** For messages. */
  readonly address: string;
  readonly clock: Clock;
}

/** So soon something is tried again that was refused because it is served elsewhere, in milliseconds. */
const AGAIN_MS = 50;

/** What is asked of Redis, one question at a time: finds the server of a channel, also while slots move. */
export class Route {
  readonly #options: RouteOptions;

  constructor(options: RouteOptions) {
    this.#options = options;
  }

  /**
   * Does work that may be done again without harm, over as many connections as it takes.
   * @param destination the channel or address whose server it is for
   * @throws BelfryError `TRANSPORT_UNAVAILABLE` when `milliseconds` are over; else what Redis answered when it refused
   */
  insist<T>(destination: string, what: string, milliseconds: number, work: (client: Redis) => Promise<T>): Promise<T> {
    const slot = this.#options.topology.slotOf(destination);
    return this.at(slot, what, milliseconds, ({ commands }, left) => commands.insist(what, left, work));
  }

  /**
   * Does work on one connection. Only what was refused because another server has to do it is done again.
   * @throws BelfryError `TRANSPORT_UNAVAILABLE` when there was no connection in time; else what came of it
   */
  once<T>(destination: string, what: string, milliseconds: number, work: (client: Redis) => Promise<T>): Promise<T> {
    const { topology, address } = this.#options;
    return this.at(topology.slotOf(destination), what, milliseconds, async ({ commands }, left) => {
      const client = await commands.up(left);
      if (client === undefined) throw unavailable(what, address, milliseconds, commands.lastError);
      return work(client);
    });
  }

  /**
   * Does work with the server of a slot, wherever that is by then. What was refused, or could not be had, because another server has to do it is done again.
   * @throws BelfryError `TRANSPORT_UNAVAILABLE` when no server was known in time; else what came of it
   */
  async at<T>(
    slot: number,
    what: string,
    milliseconds: number,
    work: (server: Server, left: number) => Promise<T>,
  ): Promise<T> {
    const { topology, address, clock } = this.#options;
    const until = clock.now() + milliseconds;
    for (;;) {
      const server = await topology.located(slot, until - clock.now());
      if (server === undefined) throw unavailable(what, address, milliseconds, topology.whyNot(slot));
      try {
        return await work(server, until - clock.now());
      } catch (error) {
        const { client } = server.commands;
        if (isNoPermission(error) && client !== undefined) await nameLackingRight(client, error);
        // Whatever else came of it may have happened where it was sent.
        const isElsewhere = isRefusal(error)
          ? topology.refused(server, slot, error)
          : isUnavailable(error) && topology.serverOf(slot) !== server;
        if (!isElsewhere) throw error;
        if (clock.now() >= until) throw isRefusal(error) ? unavailable(what, address, milliseconds, error) : error;
      }
      await sleep(clock, AGAIN_MS);
    }
  }
}
