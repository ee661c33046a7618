import type { DeathReason, DeliveryName, Settlement, Work } from './delivery.js';

/** An encoded durable event on its way out. */
export interface OutgoingDurableEvent {
  /** Namespace and contract, for example `shop:orders.placed`. */
  readonly channel: string;
  /** The envelope, encoded. */
  readonly body: string;
  /** Events with the same key are handled one at a time, in their order. */
  readonly key: string | undefined;
  /** The envelope's id. */
  readonly messageId: string;
  /** For so many milliseconds a second append of the id does nothing; absent: the id is Belfry's own, and never comes a second time. */
  readonly window: number | undefined;
  /** It is to be appended only after so many milliseconds. */
  readonly delay: number | undefined;
  /** The log never holds more than about so many. */
  readonly cap: number | undefined;
}

/** What became of a durable event. */
export interface Appended {
  /** Its place in the log; absent while it is delayed. */
  readonly entry: string | undefined;
  /** The id had been published before: nothing was appended. */
  readonly duplicate: boolean;
  /** Who listens to all of the channel, and was woken. */
  readonly broadcast: number;
  /** For every group of the log: `1`, it has members; `0`, it is away, and finds the event when it comes back. */
  readonly groups: Readonly<Record<string, number>>;
}

/** What an instance settles and asks for, on behalf of one group. */
export interface WorkRequest {
  readonly channel: string;
  readonly group: string;
  /** Who is to be woken when there is work and none was to be had now: by the doorbell in its inbox of the group. */
  readonly instance: string;
  /** In whose name entries are held: the instance, and which of its terms. A term ends when an answer was lost. */
  readonly holder: string;
  /** How many deliveries it has in its hands. */
  readonly holding: number;
  readonly settlements: readonly Settlement[];
  /** How many more entries it would take. */
  readonly room: number;
  /** A holder that has given no sign of life for so many milliseconds has lost what it held. */
  readonly claimTimeout: number;
  /** Drop what the group has completed before, as far as `done` has marked it. */
  readonly once: boolean;
  /** Terms that have ended: what they hold of these deliveries now belongs to the holder, and everything else is given back. */
  readonly former?: { readonly holders: readonly string[]; readonly known: readonly DeliveryName[] } | undefined;
}

/** One event of a log, as somebody reads it who shares it with nobody. */
export interface LogEntry {
  readonly id: string;
  readonly body: string;
  readonly key: string | undefined;
  /** Which entry of the log it is, from 1: what is missing in between was trimmed. */
  readonly ordinal: number;
  /** It is for this group alone: it was taken from its dead letters. */
  readonly only?: string | undefined;
}

/** A part of a log. */
export interface LogPart {
  readonly entries: readonly LogEntry[];
  /** The last entry of the log; a place from which to read on, also when there is none yet. */
  readonly last: string;
  /** How many were ever appended. */
  readonly count: number;
  /** Names this log: another one means that the broker has lost it, and begun again. Empty: nothing was ever appended. */
  readonly epoch: string;
  /** In how many milliseconds the next delayed event is due. */
  readonly dueIn: number | undefined;
}

/** For how long a log keeps what was acknowledged. */
export interface Keep {
  /** In milliseconds. */
  readonly age: number;
  readonly count: number | undefined;
}

/** How a group stands. */
export interface GroupState {
  readonly group: string;
  /** Instances that have a place in the group. */
  readonly members: number;
  /** Entries that the group has not read yet. */
  readonly lag: number;
  /** Entries that were read and are not done with: being handled, waiting for another attempt, or waiting behind their key. */
  readonly pending: number;
  /** Of those, the ones that wait for another attempt. */
  readonly retries: number;
  /** How long ago the oldest entry was appended that is not done with, in milliseconds; absent: all is done. */
  readonly oldestAge: number | undefined;
  readonly deadLetters: number;
  /** Entries that were gone from the log before the group was done with them, since it began. */
  readonly lost: number;
  /** How long ago a member last asked for work, in milliseconds. */
  readonly idle: number;
}

/** An entry that a group has given up. */
export interface DeadLetter {
  /** Names it among the dead letters of its group. */
  readonly id: string;
  readonly entry: string;
  /** The envelope as it came. */
  readonly body: string;
  readonly key: string | undefined;
  readonly reason: DeathReason;
  readonly attempts: number;
  /** When its first attempt began, and when it was given up: milliseconds since 1970. */
  readonly firstAt: number;
  readonly at: number;
}

/** What a broker must be able to do for durable events. What may be sent again without harm, it sends again itself. */
export interface Durability {
  /** Appends. What one caller appends to one channel stands in that order. Throws like `Transport.publish`, and `STORAGE_FULL`. */
  append(event: OutgoingDurableEvent): Promise<Appended>;
  /** Calls a delayed event off; `false` when it is not delayed any more, or never was. */
  cancel(channel: string, messageId: string): Promise<boolean>;
  /**
   * Makes a group, unless it is there: it begins with everything that is retained, or with what comes from now on.
   * @throws BelfryError `TRANSPORT_UNAVAILABLE`, `SUBSCRIBE_REFUSED`, `EVICTION_UNSAFE`
   */
  createGroup(channel: string, group: string, from: 'start' | 'now'): Promise<void>;
  /** Settles and takes. When it rejects it may have been done all the same: what was given by it is lost to the caller. */
  work(request: WorkRequest): Promise<Work>;
  /**
   * Reads up to so many entries after a place; from the end of the log when `after` is absent, which gives none. When the epoch is not that of
   * the log any more (and not empty), it reads from the beginning.
   */
  read(channel: string, after: string | undefined, epoch: string, count: number): Promise<LogPart>;
  /** Trims what all groups have acknowledged and is not to be kept any longer, and says how each group stands. */
  tend(channel: string, keep: Keep | undefined): Promise<readonly GroupState[]>;
  /**
   * Appends the delayed events whose time has come. Resolves with the milliseconds until the next one is due. Absent where whoever works on a log
   * does so in any case, and always may.
   */
  mature?(channel: string): Promise<number | undefined>;
  /** Removes a group with everything that it holds. `undefined`: there is none. A number: it has so many members, and stays. */
  removeGroup(channel: string, group: string): Promise<'removed' | undefined | number>;
  /** Dead letters of a group after one of them, oldest first. */
  deadLetters(channel: string, group: string, after: string | undefined, count: number): Promise<readonly DeadLetter[]>;
  /** One of them; `undefined` when it is not there. */
  deadLetter(channel: string, group: string, id: string): Promise<DeadLetter | undefined>;
  /** Appends dead letters again, for this group alone. Returns how many were there. */
  replay(channel: string, group: string, ids: readonly string[]): Promise<number>;
  /** Forgets dead letters; all of them when no ids are given. Returns how many. */
  purge(channel: string, group: string, ids: readonly string[] | undefined): Promise<number>;
}

/** What a doorbell says in an inbox. An envelope there comes from a publisher for whom the event is transient. */
export const DOORBELL = '!';
