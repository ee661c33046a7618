import { type Clock, type Logger, type Receipt, settlesWithin } from '@belfry/core';
import type { Redis } from 'ioredis';
import { causeOf, isMisdirected, isRefusal, refused } from './failure.js';
import { FRAME_VERSION } from './frame.js';
import { mailChannel, membersKey, stampsKey } from './names.js';
import { toReceipt } from './receipt.js';
import type { Route } from './route.js';
import { audienceScript, joinScript, leaveScript, runScript } from './scripts.js';
import type { Server } from './server.js';
import type { Topology } from './topology.js';

export interface MembershipOptions {
  readonly topology: Topology;
  readonly route: Route;
  readonly instance: string;
  readonly address: string;
  /** How long a change waits for a connection, in milliseconds. */
  readonly patience: number;
  /** A place without a stamp for so long is removed by other members, in milliseconds. */
  readonly staleAfter: number;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** For so long a question waits for which Redis's silence is an answer too. */
const SOON_MS = 800;

/** For so long a group that is wholly away stays known, so that its absence shows in receipts. */
const REMEMBERED_MS = 86_400_000;

/** A place in the ring of a group. */
interface Place {
  readonly channel: string;
  readonly group: string;
}

/** The places that this instance has in the rings of its groups. */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #places = new Map<string, Place>();
  /** Places that others have for a while, if there are others, because this instance has enough to do. */
  readonly #aside = new Set<string>();
  /** Places that Redis refuses to stamp: it is told once of each. */
  readonly #refused = new Set<string>();
  /** Places that could not be given up because Redis was away. */
  readonly #owed = new Map<string, Place>();

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  /** Takes a place. The inbox must be listened to already. */
  async join(channel: string, group: string): Promise<void> {
    const place = { channel, group };
    this.#owed.delete(keyOf(place));
    this.#places.set(keyOf(place), place);
    try {
      const what = `taking a place in the group ${group} of ${channel}`;
      await this.#insist(channel, what, (client) => this.#stamp(client, place));
    } catch (error) {
      this.#places.delete(keyOf(place));
      throw error;
    }
  }

  /** Gives a place up: now, or when Redis is back. Until then others remove it when its stamp is old. */
  async leave(channel: string, group: string): Promise<void> {
    const place = { channel, group };
    this.#places.delete(keyOf(place));
    this.#aside.delete(keyOf(place));
    this.#refused.delete(keyOf(place));
    await this.#giveUp(place);
  }

  /** Leaves the place to others for a while, or takes it again. Returns at once; while Redis is away it is done with the next stamps. */
  stepAside(channel: string, group: string, aside: boolean): void {
    const place = { channel, group };
    if (!this.#places.has(keyOf(place))) return;
    const client = this.#clientOf(place);
    if (aside) this.#aside.add(keyOf(place));
    else this.#aside.delete(keyOf(place));
    if (client !== undefined) this.#stamp(client, place).catch(() => {}); // else it is done with the next stamps
  }

  async #giveUp(place: Place): Promise<void> {
    const { channel, group } = place;
    const { instance, clock, patience } = this.#options;
    const client = this.#clientOf(place);
    this.#owed.set(keyOf(place), place);
    if (client === undefined) return;
    const left = runScript(client, leaveScript, [membersKey(channel), stampsKey(channel)], [group, instance]).then(
      () => this.#owed.delete(keyOf(place)),
      () => {}, // it is given up with the next stamps
    );
    await settlesWithin(clock, patience, left);
  }

  /** Whether a server keeps places of this instance. */
  isMemberOn(server: Server): boolean {
    return [...this.#places.values()].some((place) => this.#serverOf(place) === server);
  }

  /** Stamps every place that a server keeps, and takes again what was lost: after an outage, a flush, a restart, or a move. */
  async stampAll(server: Server): Promise<void> {
    const { client } = server.commands;
    if (client === undefined) return; // the next heartbeat does it
    for (const place of this.#owed.values()) if (this.#serverOf(place) === server) void this.#giveUp(place);
    await Promise.all(
      Array.from(this.#places.values(), async (place) => {
        if (this.#serverOf(place) !== server) return;
        await this.#stamp(client, place).catch((error: unknown) => {
          if (!isRefusal(error) || isMisdirected(error)) return; // the connection broke, or the place has moved: then it is stamped again
          if (this.#refused.has(keyOf(place))) return;
          this.#refused.add(keyOf(place));
          this.#options.logger.warn(
            { ...place, reason: causeOf(error)?.message },
            'Redis refuses to stamp a place in a group.',
          );
        });
      }),
    );
  }

  /** Who would receive an event on the channel now. */
  async audience(channel: string): Promise<Receipt> {
    const reply = await this.#insist(channel, `asking who listens to ${channel}`, (client) =>
      runScript(client, audienceScript, [membersKey(channel)], [channel]),
    );
    return toReceipt(reply);
  }

  /** How many would receive a payload on the bare channel now; pattern subscribers are not among them. */
  async bareAudience(channel: string): Promise<number> {
    const what = `asking who listens to ${channel}`;
    const reply = await this.#insist(channel, what, (client) => client.pubsub('NUMSUB', channel));
    return Number(reply[1]);
  }

  /** Which of the addresses somebody listens to now. */
  async listening(addresses: readonly string[]): Promise<ReadonlySet<string>> {
    const { topology } = this.#options;
    const bySlot = new Map<number, string[]>();
    for (const address of addresses) {
      const slot = topology.slotOf(address);
      bySlot.set(slot, [...(bySlot.get(slot) ?? []), address]);
    }
    const found = await Promise.all([...bySlot.values()].map((some) => this.#listeningAmong(some)));
    return new Set(found.flat());
  }

  /** The same of addresses of one slot. */
  async #listeningAmong(addresses: readonly string[]): Promise<string[]> {
    const channels = addresses.map(mailChannel);
    const reply = await this.#insist(
      addresses[0]!,
      'asking who listens to an inbox',
      (client) => client.pubsub('SHARDNUMSUB', ...channels),
      SOON_MS,
    );
    return addresses.filter((_, at) => Number(reply[at * 2 + 1]) > 0);
  }

  #serverOf({ channel }: Place): Server | undefined {
    const { topology } = this.#options;
    return topology.serverOf(topology.slotOf(channel));
  }

  #clientOf(place: Place): Redis | undefined {
    return this.#serverOf(place)?.commands.client;
  }

  async #stamp(client: Redis, { channel, group }: Place): Promise<void> {
    const { instance, staleAfter, logger } = this.#options;
    const aside = this.#aside.has(keyOf({ channel, group }));
    const removed = await runScript(
      client,
      joinScript,
      [membersKey(channel), stampsKey(channel)],
      [group, instance, FRAME_VERSION, String(staleAfter), String(REMEMBERED_MS), aside ? '1' : '0'],
    );
    this.#refused.delete(keyOf({ channel, group }));
    if (Number(removed) > 0)
      logger.info({ channel, removed }, 'Removed places of instances that have given no sign of life.');
    // Given up while the stamp was under way: it must not come back by that.
    if (!this.#places.has(keyOf({ channel, group }))) await this.#giveUp({ channel, group });
  }

  async #insist<T>(
    channel: string,
    what: string,
    work: (client: Redis) => Promise<T>,
    patience = this.#options.patience,
  ): Promise<T> {
    const { route, address } = this.#options;
    try {
      return await route.insist(channel, what, patience, work);
    } catch (error) {
      throw isRefusal(error) ? refused('SUBSCRIBE_REFUSED', what, address, error) : error;
    }
  }
}

const keyOf = ({ channel, group }: Place): string => `${channel} ${group}`;
