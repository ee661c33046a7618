import type { RecoveryPolicy } from '@belfry/contracts';
import type { Clock } from './clock.js';
import type { Durability } from './durable/durability.js';
import type { SharedAttributes } from './envelope.js';
import type { Logger } from './logger.js';
import type { Usage } from './usage.js';

/** How many received an event, as counted by the transport when it was published. */
export interface Receipt {
  /** Subscriptions to all of it: one for each instance that broadcasts it to its handlers, one for each pattern; a debugging tap counts too. */
  readonly broadcast: number;
  /**
   * For every group that the transport knows of: `1`, one member received it; `0`, the whole group is away. Of a durable event: `1`, the group
   * has members; `0`, it is away, and finds the event when it comes back.
   */
  readonly groups: Readonly<Record<string, number>>;
  /** Of a durable event: its id, the given one or Belfry's own. A delayed event is called off by it. */
  readonly id?: string;
  /** Of a durable event: its place in the log, in Redis the id of its stream entry. Absent while it is delayed. */
  readonly entry?: string;
  /** Of a durable event: its id had been published before, within the contract's `duplicateWindow`, and so nothing was published now. */
  readonly duplicate?: true;
  /** Of a delayed event: about when it will be appended. */
  readonly due?: Date;
}

/** An encoded event on its way out. */
export interface OutgoingEvent {
  /** Namespace and contract, for example `shop:orders.placed`. */
  readonly channel: string;
  /**
   * The beginning of the envelope, as further events of this publisher have it, too: several that leave together may share it. Absent: `body`
   * is all of it.
   */
  readonly shared?: string | undefined;
  /** The envelope, encoded, behind `shared`. The transport numbers it when it leaves: see `numbered`. */
  readonly body: string;
  /** Events with the same key go to the same member of a group. */
  readonly key: string | undefined;
  /** How much of the channel is kept for broadcast subscribers that are away; absent: nothing. */
  readonly recovery?: RecoveryPolicy | undefined;
  /** Publish it on its public channel too, for programs that know nothing of Belfry. */
  readonly public: boolean;
}

/** An encoded request on its way out. */
export interface OutgoingRequest {
  /** Namespace and contract, for example `shop:pricing.quote/request`: no event's channel contains a slash. */
  readonly channel: string;
  /** Requests with the same key go to the same member of the group. */
  readonly key: string | undefined;
  /** About how many characters it has. */
  readonly size: number;
  /**
   * Encodes it. Called when it is written and not before, because the time that is left travels with it; `undefined` when none is left, or
   * the caller has gone: then it is not sent. May be called again when the broker has not taken it. Never throws.
   */
  encode(): string | undefined;
  /** Told who received it, as `group/instance`; `undefined` when nobody did, or `encode` gave nothing. Never throws. */
  dealt(to: string | undefined): void;
  /** Told that this will never be known, and why: as `publish` throws. Never throws. */
  failed(error: Error): void;
}

/** What to listen to. */
export type Source =
  /** Shares the events of one channel with the other members of the group. */
  | { readonly kind: 'group'; readonly channel: string; readonly group: string }
  /** Every event of one channel. */
  | { readonly kind: 'broadcast'; readonly channel: string }
  /** Every event of all channels that match. May deliver more than matches: the bus looks again. */
  | { readonly kind: 'pattern'; readonly pattern: string }
  /** Every payload on a bare channel. */
  | { readonly kind: 'bare'; readonly channel: string }
  /** What is sent to one instance alone. */
  | { readonly kind: 'inbox'; readonly address: string };

/** Where a message comes from. */
export interface Origin {
  readonly channel: string;
  /** What it has in common with those that came in the same frame; absent: the message is all of it. */
  readonly shared?: SharedAttributes | undefined;
}

/** Takes one encoded message. Returns at once and never throws. */
export type Deliver = (body: string, origin: Origin) => void;

/** A confirmed subscription. */
export interface TransportSubscription {
  /**
   * Gives up the place in the group, then stops listening. Resolves when nothing more will be delivered: whatever the transport had
   * already taken on for this subscription has been delivered by then.
   */
  end(): Promise<void>;
  /**
   * Of a group: gives up the place for a while, so that other members get the work, and goes on listening; `false` takes it again. Where there
   * is no other member, it keeps the place. Returns at once, and what it is told last counts.
   */
  stepAside?(aside: boolean): void;
}

/** What is kept of a channel, oldest first. */
export interface HistoryPart {
  readonly entries: readonly { readonly cursor: string; readonly body: string }[];
  /** The newest that is kept; absent: nothing is. */
  readonly last: string | undefined;
}

/** What not every transport can do. */
export type TransportFeature =
  | 'groups'
  | 'patterns'
  | 'bare channels'
  | 'durable events'
  | 'commits'
  | 'requests'
  | 'recovery';

/**
 * Moves encoded messages between processes. Decoding, validation, concurrency and context live above it, in the bus.
 * A transport connects by itself when it is first used, and comes back by itself after an outage, with every subscription it had.
 * `@belfry/core/conformance` holds the suite that a transport must pass.
 */
export interface Transport {
  /** What this transport cannot do, each with a reason that users are told. */
  readonly unsupported: Readonly<Partial<Record<TransportFeature, string>>>;
  /**
   * Reaches the broker, and asks it whether it will let this instance do all of that. Absent where nobody needs rights.
   * @throws BelfryError `RIGHTS_MISSING`, listing every right that is; `TRANSPORT_UNAVAILABLE`
   */
  open?(usages: readonly Usage[]): Promise<void>;
  /**
   * Publishes an event. Events that one caller publishes on one channel arrive in that order, and numbered without gaps from 1, as far as
   * they were published. With `recovery` they are kept, and carry their place among what is kept as the attribute `cursor`:
   * `<milliseconds>-<number>`, where the numbers go up by one. Always settles.
   * @throws BelfryError `TRANSPORT_UNAVAILABLE`: not delivered; `PUBLISH_UNCONFIRMED`: perhaps delivered, never sent again;
   * `PUBLISH_REFUSED`: the broker said no
   */
  publish(event: OutgoingEvent): Promise<Receipt>;
  /** Publishes a bare payload on a channel that is taken literally. Resolves with the number of receivers. Throws like `publish`. */
  publishBare(channel: string, payload: string): Promise<number>;
  /**
   * Deals a request to one connected member of one group of the channel, by turn or by key; with several groups, of the first by name that
   * has one. Tells the request how that went, once, and perhaps at once: there is no promise, because thousands may be on their way. Never throws.
   */
  ask(request: OutgoingRequest): void;
  /**
   * Sends to the inbox of one instance. What one caller sends to one address arrives in that order. Resolves with whether
   * anybody received it. What travels together may share its promise. Throws like `publish`.
   */
  send(address: string, body: string): Promise<boolean>;
  /** Which of the addresses have somebody who listens to their inbox: one cheap question. Rejects when the broker does not answer soon. */
  listening(addresses: readonly string[]): Promise<ReadonlySet<string>>;
  /** When this instance's own connection to the broker last came back after an interruption, on the host's clock; `-Infinity`: never. */
  readonly resumedAt: number;
  /**
   * Resolves once the broker has confirmed the subscription, not before.
   * @throws BelfryError `TRANSPORT_UNAVAILABLE`, `SUBSCRIBE_REFUSED`
   */
  subscribe(source: Source, deliver: Deliver): Promise<TransportSubscription>;
  /** Who would receive an event that is published on the channel now: connected listeners, and connected members per known group. */
  audience(channel: string): Promise<Receipt>;
  /** How many would receive a payload that is published on the bare channel now. */
  bareAudience(channel: string): Promise<number>;
  /**
   * What is kept of a channel after a cursor, at most about `count` events and a megabyte; without a cursor none of it, only where it ends.
   * Absent where `unsupported` says that there is no recovery.
   * @throws BelfryError `TRANSPORT_UNAVAILABLE`; what the broker answers when it refuses
   */
  history?(channel: string, after: string | undefined, count: number): Promise<HistoryPart>;
  /** Logs, and groups that share the work on them; absent where `unsupported` says that there are no durable events. */
  readonly durable?: Durability;
  /** Lets publishes in flight settle, then disconnects. Subscriptions have been ended before. */
  close(): Promise<void>;
}

/**
 * What a transport tells of its connection. `connected`: for the first time. `interrupted`: it was there, and is not any more, or gives no sign
 * of life. `resumed`: it is back, with every subscription and every place in a group. `emptied`: the broker has forgotten everything, places
 * in groups have been taken again.
 */
export type TransportNews =
  | { readonly what: 'connected' }
  | { readonly what: 'emptied' }
  | { readonly what: 'interrupted'; readonly reason: string | undefined }
  | { readonly what: 'resumed'; readonly outageMs: number };

/** What a bus gives its transport. */
export interface TransportHost {
  /** The service's name. */
  readonly service: string;
  /** This running process of it: 16 hexadecimal digits. */
  readonly instance: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Is told what becomes of the connection. */
  readonly tell?: (news: TransportNews) => void;
}

/** Makes a transport for one bus. Opens nothing yet. */
export type TransportFactory = (host: TransportHost) => Transport;
