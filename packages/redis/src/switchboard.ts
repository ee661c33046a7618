import { type Clock, type Logger, settlesWithin, sleep } from '@belfry/core';
import { isRefusal, refused } from './failure.js';
import type { Link } from './link.js';
import type { Hear, Listening } from './listener.js';
import type { Route } from './route.js';
import type { Server } from './server.js';
import type { Topology } from './topology.js';

export interface SwitchboardOptions {
  readonly topology: Topology;
  readonly route: Route;
  readonly link: Link;
  /** For messages. */
  readonly address: string;
  /** How long a subscription waits for a server, in milliseconds. */
  readonly patience: number;
  /** Subscriptions have followed to these servers: the places that belong to them are stamped there. */
  readonly followed: (servers: ReadonlySet<Server>) => Promise<void>;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** A subscription that stands, on whichever server serves it. */
export interface Standing {
  /** When it resolves, everything that Redis had sent has been heard. */
  end(): Promise<void>;
}

interface Line {
  readonly listening: Listening;
  readonly hear: Hear;
  readonly slot: number;
  server: Server;
  isMoving: boolean;
  ended: boolean;
}

/** So soon a subscription is tried again that could not follow, in milliseconds. */
const AGAIN_MS = 500;

/** What this instance listens to, on all servers: it follows where slots move. */
export class Switchboard {
  readonly #options: SwitchboardOptions;
  readonly #lines = new Set<Line>();
  #moving = 0;
  #followed = new Set<Server>();
  #closed = false;

  constructor(options: SwitchboardOptions) {
    this.#options = options;
  }

  /**
   * Listens. Resolves once Redis has confirmed it.
   * @throws BelfryError `TRANSPORT_UNAVAILABLE`, `SUBSCRIBE_REFUSED`
   */
  async listen(listening: Listening, hear: Hear): Promise<Standing> {
    const { topology, patience } = this.#options;
    const slot = topology.slotOf(listening.name);
    const server = await this.#connect(slot, listening, hear, patience);
    const line: Line = { listening, hear, slot, server, isMoving: false, ended: false };
    this.#lines.add(line);
    if (!this.#isAtHome(line)) this.follow(); // it has moved meanwhile
    return {
      end: async () => {
        line.ended = true;
        this.#lines.delete(line);
        await line.server.listener.stop(listening, hear);
      },
    };
  }

  /** Slots are served elsewhere: whatever listens to something in them follows. */
  follow(): void {
    for (const line of this.#lines) if (!this.#isAtHome(line)) void this.#move(line);
  }

  /** A sharded channel lives where its slot does. Any node of a Cluster hears all of the classic ones. */
  #isAtHome({ listening, slot, server }: Line): boolean {
    const { topology } = this.#options;
    return listening.kind === 'sharded' ? topology.serves(server, slot) : topology.uses(server);
  }

  close(): void {
    this.#closed = true;
  }

  /** Listens on the server of the slot, wherever that is by then. */
  async #connect(slot: number, listening: Listening, hear: Hear, patience: number): Promise<Server> {
    const { route, address } = this.#options;
    const what = `a subscription to ${listening.title}`;
    try {
      return await route.at(slot, what, patience, async (server) => {
        await this.#listenOn(server, listening, hear);
        return server;
      });
    } catch (error) {
      throw isRefusal(error) ? refused('SUBSCRIBE_REFUSED', what, address, error) : error;
    }
  }

  async #listenOn(server: Server, listening: Listening, hear: Hear): Promise<void> {
    const [probed, listened] = await Promise.allSettled([
      server.heartbeat.listen(),
      server.listener.listen(listening, hear),
    ]);
    if (listened.status === 'rejected') throw listened.reason;
    if (probed.status === 'fulfilled') return;
    await server.listener.stop(listening, hear);
    throw probed.reason;
  }

  async #move(line: Line): Promise<void> {
    const { topology, link, logger, clock } = this.#options;
    const { slot, listening, hear } = line;
    if (line.isMoving) return;
    line.isMoving = true;
    if (this.#moving++ === 0) link.down('slots', 'slots of the Cluster have moved');
    while (!line.ended && !this.#closed && !this.#isAtHome(line)) {
      try {
        const left = line.server;
        // Of a classic channel both would hear the same: rather a gap than everything twice.
        if (listening.kind !== 'sharded') await left.listener.stop(listening, hear);
        const server = await this.#connect(slot, listening, hear, Number.POSITIVE_INFINITY);
        line.server = server;
        this.#followed.add(server);
        if (left !== server && listening.kind === 'sharded') void left.listener.stop(listening, hear);
        if (line.ended) await server.listener.stop(listening, hear);
      } catch (error) {
        if (this.#closed || topology.serverOf(slot) === undefined) break;
        logger.error(
          { channel: listening.name, err: error },
          'A subscription could not follow its slot; trying again.',
        );
        await sleep(clock, AGAIN_MS);
      }
    }
    line.isMoving = false;
    if (--this.#moving === 0) await this.#arrive();
  }

  async #arrive(): Promise<void> {
    const { followed, link, clock, patience } = this.#options;
    const servers = this.#followed;
    this.#followed = new Set();
    await settlesWithin(
      clock,
      patience,
      followed(servers).catch(() => {}),
    );
    if (this.#moving === 0) link.up('slots');
  }
}
