import type { Clock, Timer } from './clock.js';
import type { Transport } from './transport.js';

/** Something that goes on with another instance, and is in vain once that is gone. */
export interface Watched {
  /** The other instance's inbox; `undefined` while it is not known. */
  readonly peer: string | undefined;
  /** When it began, on the clock. */
  readonly since: number;
  /** How many questions in a row may say that it is gone: it may only have been interrupted. */
  readonly patience: number;
  /** Counted here. */
  misses: number;
  /** It is gone. */
  lost(): void;
}

export interface PresenceOptions {
  readonly transport: Transport;
  /** Everything that goes on now. */
  readonly watched: () => Iterable<Watched>;
  readonly clock: Clock;
}

const INTERVAL = 1000;
/** What is younger is not asked about: most of it is over before. */
const YOUNG = 500;
/** After an interruption of the own connection the others may need so long to be back. */
const RECOVERY = 3000;

/** Asks the broker once a second, in one question, whether the instances are still there that long requests go on with. */
export class Presence {
  readonly #options: PresenceOptions;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** Something has begun. */
  watch(): void {
    if (this.#stopped) return;
    this.#timer ??= this.#options.clock.after(INTERVAL, () => void this.#look(), 'background');
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    const going = [...this.#options.watched()];
    this.#timer = undefined;
    if (going.length === 0) return;
    await this.#ask(going);
    this.watch();
  }

  async #ask(going: readonly Watched[]): Promise<void> {
    const { transport, clock } = this.#options;
    const now = clock.now();
    const grown = going.filter(({ peer, since }) => peer !== undefined && now - since >= YOUNG);
    if (grown.length === 0 || now - transport.resumedAt < RECOVERY) return;
    const there = await transport
      .listening([...new Set(grown.map(({ peer }) => peer as string))])
      .catch(() => undefined); // the broker is away: nobody knows
    if (there === undefined || clock.now() - transport.resumedAt < RECOVERY) return;
    for (const each of grown) {
      each.misses = there.has(each.peer as string) ? 0 : each.misses + 1;
      if (each.misses >= each.patience) each.lost();
    }
  }
}
