import { BelfryError } from '@belfry/contracts';
import type { Bus } from '@belfry/core';
import { Ask, Dealt, type Kind, Logged, nameOf, Told } from './contracts.js';
import type { Diary } from './diary.js';
import type { Random } from '@belfry/core/random';

export interface PublishingOptions {
  readonly bus: Bus;
  readonly diary: Diary;
  readonly random: Random;
  /** The publisher's name: its messages' ids begin with it. */
  readonly slot: string;
}

const TICK_MS = 40;
/** So many of a kind are published in one turn of the event loop, at most. */
const MOST_AT_ONCE = 4;
const KEYS = 5;

/** Publishes and asks, a little at a time, and writes down how each of it ended. */
export class Publishing {
  readonly #options: PublishingOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #pending = new Set<Promise<void>>();
  readonly #numbers: Record<Kind, number> = { told: 0, dealt: 0, logged: 0, asked: 0 };

  constructor(options: PublishingOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Publishes no more. Resolves once everything has ended. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
  }

  #tick(): void {
    const { bus, random, slot } = this.#options;
    const some = (publish: () => void) => {
      for (let left = random.below(MOST_AT_ONCE + 1); left > 0; left--) publish();
    };
    some(() => this.#follow('told', (id) => bus.publish(Told, { id })));
    some(() => this.#follow('dealt', (id) => bus.publish(Dealt, { id })));
    some(() => {
      const key = random.chance(0.5) ? `${slot}-${random.below(KEYS)}` : undefined;
      this.#follow('logged', (id) => bus.publish(Logged, { id }, key === undefined ? {} : { key }), key);
    });
    if (random.chance(0.5)) this.#follow('asked', (id) => bus.request(Ask, { id }));
  }

  #follow(kind: Kind, begin: (id: string) => Promise<unknown>, key?: string): void {
    const { diary, slot } = this.#options;
    const id = `${slot}:${kind}:${++this.#numbers[kind]}`;
    diary.write({ what: 'begun', kind, id, key });
    const ended = begin(id).then(
      (answer) => {
        if (kind === 'asked') diary.write({ what: 'ended', id, how: 'answer' });
        else diary.write({ what: 'ended', id, how: 'receipt', group: membersIn(answer) });
      },
      (error: unknown) => {
        diary.write({ what: 'ended', id, how: BelfryError.is(error) ? error.code : String(error) });
      },
    );
    this.#pending.add(ended);
    void ended.then(() => this.#pending.delete(ended));
  }
}

/** How many members of the group have received it, as the receipt says. */
const membersIn = (receipt: unknown): number =>
  (receipt as { groups: Record<string, number> }).groups[nameOf('member')] ?? 0;
