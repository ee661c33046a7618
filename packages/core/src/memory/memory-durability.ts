import type {
  Appended,
  DeadLetter,
  Durability,
  GroupState,
  Keep,
  LogPart,
  OutgoingDurableEvent,
  WorkRequest,
} from '../durable/durability.js';
import type { Work } from '../durable/delivery.js';
import type { RunCommands } from '../durable/group.js';
import type { Broker } from './broker.js';
import type { Turn } from './turn.js';

export interface MemoryDurabilityOptions {
  readonly broker: Broker;
  readonly turn: Turn;
  readonly now: () => number;
  readonly run: RunCommands;
  /** Why nothing may be asked any more. */
  readonly closed: () => Error | undefined;
}

/** The durable side of the memory transport: every call is one job of a turn, as it would be one command to a broker. */
export class MemoryDurability implements Durability {
  readonly #options: MemoryDurabilityOptions;

  constructor(options: MemoryDurabilityOptions) {
    this.#options = options;
  }

  append(event: OutgoingDurableEvent): Promise<Appended> {
    return this.#do((now) => this.#log(event.channel).append(event, now));
  }

  cancel(channel: string, messageId: string): Promise<boolean> {
    return this.#do(() => this.#log(channel).cancel(messageId));
  }

  createGroup(channel: string, group: string, from: 'start' | 'now'): Promise<void> {
    return this.#do(() => this.#log(channel).createGroup(group, from));
  }

  work(request: WorkRequest): Promise<Work> {
    return this.#do((now) => this.#log(request.channel).work(request, now, this.#options.run));
  }

  read(channel: string, after: string | undefined, _epoch: string, count: number): Promise<LogPart> {
    return this.#do((now) => this.#log(channel).read(after, count, now));
  }

  tend(channel: string, keep: Keep | undefined): Promise<readonly GroupState[]> {
    return this.#do((now) => this.#log(channel).tend(keep, now));
  }

  removeGroup(channel: string, group: string): Promise<'removed' | undefined | number> {
    return this.#do(() => this.#log(channel).removeGroup(group));
  }

  deadLetters(
    channel: string,
    group: string,
    after: string | undefined,
    count: number,
  ): Promise<readonly DeadLetter[]> {
    return this.#do(() => this.#log(channel).deadLetters(group, after, count));
  }

  deadLetter(channel: string, group: string, id: string): Promise<DeadLetter | undefined> {
    return this.#do(() => this.#log(channel).deadLetter(group, id));
  }

  replay(channel: string, group: string, ids: readonly string[]): Promise<number> {
    return this.#do((now) => this.#log(channel).replay(group, ids, now));
  }

  purge(channel: string, group: string, ids: readonly string[] | undefined): Promise<number> {
    return this.#do(() => this.#log(channel).purge(group, ids));
  }

  #log(channel: string) {
    return this.#options.broker.log(channel);
  }

  #do<T>(job: (now: number) => T): Promise<T> {
    const { turn, now, closed } = this.#options;
    const error = closed();
    return error === undefined ? turn.add(() => job(now())) : Promise.reject(error);
  }
}
