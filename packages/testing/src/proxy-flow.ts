import type { Socket } from 'node:net';

/** How much a delayed direction holds before it stops reading, as a network would. */
const maxHeldBytes = 4 * 1024 * 1024;

/** What steers a {@link ProxyFlow}; asked anew whenever something happens. */
export interface FlowControls {
  /** How long each chunk is held. */
  delayMs(): number;
  /** How fast to read; Infinity: as fast as the sink takes it, 0: not at all. */
  bytesPerSecond(): number;
  /** Sees each chunk once; false makes it vanish. */
  passes(chunk: Buffer): boolean;
  /** Sees the end of the stream; false makes it vanish. */
  passesEnd(): boolean;
}

interface Held {
  /** null stands for the end of the stream. */
  readonly chunk: Buffer | null;
  readonly since: number;
}

/** One direction of a connection: what one socket sends goes to the other, in order, no faster than that one takes it. */
export class ProxyFlow {
  #held: Held[] = [];
  #heldBytes = 0;
  #mustDrain = false;
  #lastRead = { at: 0, bytes: 0 };
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly source: Socket,
    private readonly sink: Socket,
    private readonly controls: FlowControls,
  ) {
    source.on('data', (chunk: Buffer) => {
      this.#lastRead = { at: performance.now(), bytes: chunk.length };
      if (controls.passes(chunk)) this.#hold(chunk);
      this.adjust();
    });
    source.on('end', () => {
      if (controls.passesEnd()) this.end();
    });
    sink.on('drain', () => {
      this.#mustDrain = false;
      this.adjust();
    });
  }

  /** Ends the sink after everything that came before. */
  end(): void {
    this.#hold(null);
    this.adjust();
  }

  /** To be called when the controls may answer differently than before. */
  adjust(): void {
    clearTimeout(this.#timer);
    if (this.sink.destroyed) this.close();
    const now = performance.now();
    const delayMs = this.controls.delayMs();
    while (!this.#mustDrain && this.#held[0] && this.#held[0].since + delayMs <= now) this.#release();

    const readAt = this.#mayReadAt();
    const isFull = this.#mustDrain || this.#heldBytes > maxHeldBytes;
    if (isFull || readAt > now) this.source.pause();
    else this.source.resume();

    const releaseAt = this.#held[0] && !this.#mustDrain ? this.#held[0].since + delayMs : Number.POSITIVE_INFINITY;
    const next = Math.min(releaseAt, readAt > now ? readAt : Number.POSITIVE_INFINITY);
    if (next < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.adjust(), Math.ceil(next - now));
  }

  /** Drops what is held. */
  close(): void {
    clearTimeout(this.#timer);
    this.#held = [];
    this.#heldBytes = 0;
  }

  #mayReadAt(): number {
    const rate = this.controls.bytesPerSecond();
    return rate === 0 ? Number.POSITIVE_INFINITY : this.#lastRead.at + (this.#lastRead.bytes / rate) * 1000;
  }

  #hold(chunk: Buffer | null): void {
    this.#held.push({ chunk, since: performance.now() });
    this.#heldBytes += chunk?.length ?? 0;
  }

  #release(): void {
    const { chunk } = this.#held.shift()!;
    if (!chunk) {
      this.sink.end();
      return;
    }
    this.#heldBytes -= chunk.length;
    this.#mustDrain = !this.sink.write(chunk);
  }
}
