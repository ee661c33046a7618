import type { Socket } from 'node:net';

/** How much a delayed direction holds before it stops reading, as a network would. */
const maxHeldBytes = 4 * 1024 * 1024;

/** What steers a {@link ProxyFlow}; asked anew for each chunk. */
export interface FlowControls {
  /** How long each chunk is held. */
  delayMs(): number;
  /** How fast to read, in bytes a second. Infinity: as fast as possible. */
  bytesPerSecond(): number;
  /** Whether everything, the end too, vanishes. */
  swallows(): boolean;
  /** Sees each chunk that is not swallowed; false makes it vanish. */
  passes(chunk: Buffer): boolean;
}

interface Held {
  /** null: the end of the stream */
  readonly chunk: Buffer | null;
  readonly at: number;
}

/** One direction of a connection: what one socket sends goes to the other one, in order, and never faster than it takes it. */
export class ProxyFlow {
  /** The source has ended, and nobody was told. */
  endVanished = false;
  #held: Held[] = [];
  #heldBytes = 0;
  #mustDrain = false;
  #readAgainAt = 0;
  #lastRead = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly source: Socket,
    private readonly sink: Socket,
    private readonly controls: FlowControls,
  ) {
    source.on('data', (chunk) => this.#take(chunk));
    source.on('end', () => {
      if (controls.swallows()) this.endVanished = true;
      else this.#hold(null);
    });
    sink.on('drain', () => {
      this.#mustDrain = false;
      this.adjust();
    });
  }

  /** Call it when what the controls say may have changed. */
  adjust(): void {
    clearTimeout(this.#timer);
    const delayMs = this.controls.delayMs();
    const now = performance.now();
    while (!this.#mustDrain && this.#held.length > 0 && this.#held[0]!.at + delayMs <= now) this.#release();

    const rate = this.controls.bytesPerSecond();
    this.#readAgainAt = rate === Number.POSITIVE_INFINITY ? 0 : Math.max(this.#readAgainAt, now);
    if (this.#mustDrain || this.#heldBytes > maxHeldBytes || rate === 0 || this.#readAgainAt > now) this.source.pause();
    else this.source.resume();

    const next = [
      ...(this.#held[0] && !this.#mustDrain ? [this.#held[0].at + delayMs] : []),
      ...(this.#readAgainAt > now ? [this.#readAgainAt] : []),
    ];
    if (next.length > 0) this.#timer = setTimeout(() => this.adjust(), Math.min(...next) - now);
  }

  /** Forgets what is held. */
  close(): void {
    clearTimeout(this.#timer);
    this.#held = [];
  }
}
