import type { RejectReason } from './rejections.js';

/** What has become of the messages that reached a subscription or a responder, since it began. */
export interface HandlingStats {
  /** Everything that arrived; of durable events, every attempt that began. It is the sum of what follows up to `inFlight`. */
  received: number;
  handled: number;
  /** The handler threw, or a middleware did. */
  failed: number;
  /** Never reached the handler: by reason. Durable events then went to the dead letters. */
  readonly rejected: Record<RejectReason, number>;
  /** The queue was full. */
  dropped: number;
  /** Were still waiting when the time for draining was over. */
  abandoned: number;
  /** Wait now. Of durable events: read ahead, and not counted as received yet. */
  readonly queued: number;
  /** Are being handled now. */
  readonly inFlight: number;
  /** There when durable events are among what was subscribed to. */
  readonly durable?: DurableStats;
}

/** The figures of a subscription. */
export interface SubscriptionStats extends HandlingStats {
  /** Were published and never arrived, as far as the publishers' numbers show it. Of broadcasts and patterns. */
  missed: number;
  /** Of those that were received, how many had been missed, and were read again: `recover` in the contract. */
  recovered: number;
}

/** What has become of the durable events of a subscription, beside what {@link SubscriptionStats} says. */
export interface DurableStats {
  /** Of those that failed, how many are tried again. */
  retried: number;
  /** Went to the dead letters; of a broadcast, were given up. */
  deadLettered: number;
  /** Given to other instances at the end, unfinished. */
  handedOver: number;
  /** Belonged to another instance by the time they were done: this one had given no sign of life for longer than its claim timeout. */
  claimsLost: number;
  /** Dropped because the group had completed them before (`once`). */
  repeated: number;
  /** Gone from the log before the group was done with them. */
  lost: number;
}

export const newDurableStats = (): DurableStats => ({
  retried: 0,
  deadLettered: 0,
  handedOver: 0,
  claimsLost: 0,
  repeated: 0,
  lost: 0,
});

/** What is waiting and what is running in one part of a subscription. */
export interface Load {
  readonly queued: number;
  readonly inFlight: number;
}

/** Nothing has happened yet. What adds itself to `loads` is counted as queued and in flight. */
export const newStats = (
  rejected: Record<RejectReason, number>,
  loads: readonly Load[],
  durable?: DurableStats,
): SubscriptionStats => ({
  received: 0,
  handled: 0,
  failed: 0,
  rejected,
  dropped: 0,
  abandoned: 0,
  missed: 0,
  recovered: 0,
  get queued() {
    return loads.reduce((sum, { queued }) => sum + queued, 0);
  },
  get inFlight() {
    return loads.reduce((sum, { inFlight }) => sum + inFlight, 0);
  },
  ...(durable === undefined ? {} : { durable }),
});
