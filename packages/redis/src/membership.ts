import { type Clock, type Logger, type Receipt, settlesWithin } from '@belfry/core';
import type { Redis } from 'ioredis';
import type { Connection } from './connection.js';
import { causeOf, isRefusal, refused } from './failure.js';
import { FRAME_VERSION } from './frame.js';
import { mailChannel, membersKey, stampsKey } from './names.js';
import { toReceipt } from './receipt.js';
import { audienceScript, joinScript, leaveScript, runScript } from './scripts.js';

export interface MembershipOptions {
  readonly connection: Connection;
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
      await this.#insist(`taking a place in the group ${group} of ${channel}`, (client) => this.#stamp(client, place));
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
    await this.#giveUp(place);
  }

  /** Leaves the place to others for a while, or takes it again. Returns at once; while Redis is away it is done with the next stamps. */
  stepAside(channel: string, group: string, aside: boolean): void {
    const place = { channel, group };
    if (!this.#places.has(keyOf(place))) return;
    const { client } = this.#options.connection;
    if (aside) this.#aside.add(keyOf(place));
    else this.#aside.delete(keyOf(place));
    if (client !== undefined) this.#stamp(client, place).catch(() => {}); // else it is done with the next stamps
  }

  async #giveUp(place: Place): Promise<void> {
    const { channel, group } = place;
    const { connection, instance, clock, patience } = this.#options;
    const { client } = connection;
    this.#owed.set(keyOf(place), place);
    if (client === undefined) return;
    const left = runScript(client, leaveScript, [membersKey(channel), stampsKey(channel)], [group, instance]).then(
      () => this.#owed.delete(keyOf(place)),
      () => {}, // it is given up with the next stamps
    );
    await settlesWithin(clock, patience, left);
  }

  /** Stamps every place, and takes again what was lost: after an outage, a flush, or a restart of Redis. */
  async stampAll(): Promise<void> {
    const { client } = this.#options.connection;
    if (client === undefined) return; // the next heartbeat does it
    for (const place of this.#owed.values()) void this.#giveUp(place);
    await Promise.all(
      Array.from(this.#places.values(), (place) =>
        this.#stamp(client, place).catch((error: unknown) => {
          if (!isRefusal(error)) return; // the connection broke: its next life stamps
          this.#options.logger.warn(
            { ...place, reason: causeOf(error)?.message },
            'Redis refuses to stamp a place in a group.',
          );
        }),
      ),
    );
  }

  /** Who would receive an event on the channel now. */
  async audience(channel: string): Promise<Receipt> {
    const reply = await this.#insist(`asking who listens to ${channel}`, (client) =>
      runScript(client, audienceScript, [membersKey(channel)], [channel]),
    );
    return toReceipt(reply);
  }

  /** How many would receive a payload on the bare channel now; pattern subscribers are not among them. */
  async bareAudience(channel: string): Promise<number> {
    const reply = await this.#insist(`asking who listens to ${channel}`, (client) => client.pubsub('NUMSUB', channel));
    return Number(reply[1]);
  }

  /** Which of the addresses somebody listens to now. */
  async listening(addresses: readonly string[]): Promise<ReadonlySet<string>> {
    if (addresses.length === 0) return new Set();
    const channels = addresses.map(mailChannel);
    const reply = await this.#insist(
      'asking who listens to an inbox',
      (client) => client.pubsub('SHARDNUMSUB', ...channels),
      SOON_MS,
    );
    return new Set(addresses.filter((_, at) => Number(reply[at * 2 + 1]) > 0));
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
    if (Number(removed) > 0)
      logger.info({ channel, removed }, 'Removed places of instances that have given no sign of life.');
    // Given up while the stamp was under way: it must not come back by that.
    if (!this.#places.has(keyOf({ channel, group }))) await this.#giveUp({ channel, group });
  }

  async #insist<T>(what: string, work: (client: Redis) => Promise<T>, patience = this.#options.patience): Promise<T> {
    const { connection, address } = this.#options;
    try {
      return await connection.insist(what, patience, work);
    } catch (error) {
      throw isRefusal(error) ? refused('SUBSCRIBE_REFUSED', what, address, error) : error;
    }
  }
}

const keyOf = ({ channel, group }: Place): string => `${channel} ${group}`;
