import type { Clock, OutgoingEvent, Receipt, Timer } from '@belfry/core';
import { EventBatch } from './event-batch.js';
import { Sequence } from './sequence.js';

export interface EventFlowOptions {
  /** Takes a new batch into this turn: `leave` is called at its end. */
  readonly enqueue: (batch: EventBatch) => void;
  /** Sends a batch, or lets it wait with everything else that waits for a connection. */
  readonly dispatch: (batch: EventBatch) => void;
  /** A batch has waited here for too long, or too much waits. */
  readonly giveUp: (batch: EventBatch, reason: 'time' | 'size') => void;
  /** What the flows of an instance hold back together. */
  readonly held: { count: number; size: number };
  /** How long a batch may be held back, in milliseconds. */
  readonly patience: number;
  readonly clock: Clock;
}

/**
 * So many commands of a channel may be unanswered. What is published meanwhile shares the next one: who publishes faster than Redis answers gets
 * larger batches, and nobody else waits.
 */
const MOST_UNANSWERED = 4;
/** What may be held back, in characters. */
const MOST_HELD = 33_554_432;

interface Held {
  readonly batch: EventBatch;
  readonly size: number;
  readonly timer: Timer;
}

/** The events of one channel on their way out, in their order. */
export class EventFlow {
  /** Numbers them. */
  readonly sequence = new Sequence();
  readonly #options: EventFlowOptions;
  /** Takes what is published next. */
  #open: EventBatch | undefined;
  /** Commands that Redis has not answered. */
  #unanswered = 0;
  /** Wait until it has, the oldest first. */
  readonly #held: Held[] = [];
  #turn = Math.floor(Math.random() * 2 ** 31);

  constructor(options: EventFlowOptions) {
    this.#options = options;
  }

  publish(event: OutgoingEvent): Promise<Receipt> {
    let batch = this.#open;
    if (batch === undefined || !batch.takes(event)) {
      batch = this.#open = new EventBatch(event, this);
      this.#options.enqueue(batch);
    }
    batch.add(event);
    return batch.promise;
  }

  /** Whose turn it is in every ring, for the first of so many events: it goes up by one per event. */
  nextTurn(count: number): number {
    const turn = this.#turn;
    this.#turn = (turn + count) % 2 ** 48;
    return turn;
  }

  /** The turn of the event loop in which the batch began is over. It goes out, or takes more until it may. */
  leave(batch: EventBatch): void {
    if (this.#held.length > 0 || this.#unanswered >= MOST_UNANSWERED) this.#hold(batch);
    else this.#dispatch(batch);
  }

  /** A batch is being sent. */
  sent(): void {
    this.#unanswered++;
  }

  /** Redis has answered one that was sent, or never will. */
  answered(): void {
    this.#unanswered--;
    // Usually one. Without a connection all of them, because then nothing is sent, and no answer would let the next one go.
    while (this.#unanswered < MOST_UNANSWERED && this.#held.length > 0) {
      const next = this.#held[0]!;
      this.#letGo(next);
      this.#dispatch(next.batch);
    }
  }

  /** Gives up what is held back. */
  close(): void {
    for (const held of [...this.#held]) this.#giveUp(held);
  }

  #dispatch(batch: EventBatch): void {
    if (this.#open === batch) this.#open = undefined;
    this.#options.dispatch(batch);
  }

  #hold(batch: EventBatch): void {
    const { held, patience, clock, giveUp } = this.#options;
    if (held.size > MOST_HELD) {
      if (this.#open === batch) this.#open = undefined;
      giveUp(batch, 'size');
      return;
    }
    batch.deadline = clock.now() + patience;
    const one: Held = { batch, size: batch.size, timer: clock.after(patience, () => this.#giveUp(one)) };
    this.#held.push(one);
    held.count++;
    held.size += one.size;
  }

  #letGo(one: Held): void {
    const { held } = this.#options;
    one.timer.cancel();
    this.#held.splice(this.#held.indexOf(one), 1);
    held.count--;
    held.size -= one.size;
  }

  #giveUp(one: Held): void {
    this.#letGo(one);
    if (this.#open === one.batch) this.#open = undefined;
    this.#options.giveUp(one.batch, 'time');
  }
}
