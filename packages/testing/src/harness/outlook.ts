import type { Delivery, OutgoingDurableEvent, Settlement } from '@belfry/core';

/** Something that happens when the clock has come so far. */
export interface Expected {
  readonly at: number;
  /** With the namespace. */
  readonly channel: string;
  readonly body: string;
  /** The group that tries it again; absent: a delayed event, for all of them. */
  readonly group?: string;
  /** Which attempt it will be. */
  readonly attempt?: number;
}

/** Knows what is still to come of durable events: delays and pauses before another attempt. */
export class Outlook {
  /** By channel and message id. */
  readonly #delayed = new Map<string, Expected>();
  /** By channel, group and entry. */
  readonly #retries = new Map<string, Expected>();
  /** By channel, group and entry: what was delivered and is not done with. */
  readonly #delivered = new Map<string, Delivery>();
  readonly #channels = new Set<string>();

  /** Every log that somebody has published to or works on. */
  get channels(): readonly string[] {
    return [...this.#channels];
  }

  /** What is to come, the next first. */
  expected(now: number): readonly Expected[] {
    for (const [key, { at }] of this.#delayed) if (at <= now) this.#delayed.delete(key);
    return [...this.#delayed.values(), ...this.#retries.values()].sort((one, other) => one.at - other.at);
  }

  isDelayed(now: number): boolean {
    return this.expected(now).some(({ group }) => group === undefined);
  }

  worksOn(channel: string): void {
    this.#channels.add(channel);
  }

  published({ channel, body, messageId, delay }: OutgoingDurableEvent, now: number): void {
    this.#channels.add(channel);
    if (delay !== undefined) this.#delayed.set(`${channel} ${messageId}`, { at: now + delay, channel, body });
  }

  cancelled(channel: string, messageId: string): void {
    this.#delayed.delete(`${channel} ${messageId}`);
  }

  delivered(channel: string, group: string, delivery: Delivery): void {
    const key = `${channel} ${group} ${delivery.id}`;
    this.#retries.delete(key);
    this.#delivered.set(key, delivery);
  }

  /** Returns what was settled by that. */
  settled(channel: string, group: string, settlement: Settlement, now: number): Delivery | undefined {
    const key = `${channel} ${group} ${settlement.id}`;
    const delivery = this.#delivered.get(key);
    if (delivery === undefined) return undefined;
    const { body, attempt } = delivery;
    if (settlement.outcome === 'retry')
      this.#retries.set(key, { at: now + settlement.delay, channel, body, group, attempt: attempt + 1 });
    else if (settlement.outcome !== 'release') this.#delivered.delete(key);
    return delivery;
  }
}
