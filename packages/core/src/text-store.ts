interface Chunk {
  readonly bytes: Buffer;
  written: number;
  read: number;
}

const CHUNK_BYTES = 65_536;

/**
 * Texts that wait, first in, first out, outside of the heap. As strings they would live just long enough to be moved to the old generation of the heap,
 * and a queue that is always full would let that grow to many times of what is in it before it is collected.
 */
export class TextStore {
  #chunks: Chunk[] = [];
  /** Used before, and kept for the next. */
  #spare: Chunk[] = [];

  /** Returns how many bytes it takes: to be given to `shift` or `skip`, in the same order. */
  push(text: string): number {
    const size = Buffer.byteLength(text);
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || chunk.written + size > chunk.bytes.length) {
      chunk = this.#newChunk(size);
      this.#chunks.push(chunk);
    }
    chunk.bytes.write(text, chunk.written);
    chunk.written += size;
    return size;
  }

  /** Takes the oldest out. */
  shift(size: number): string {
    const chunk = this.#chunks[0]!;
    const text = chunk.bytes.toString('utf8', chunk.read, chunk.read + size);
    this.skip(size);
    return text;
  }

  /** The same, without looking at it. */
  skip(size: number): void {
    const chunk = this.#chunks[0]!;
    chunk.read += size;
    if (chunk.read < chunk.written) return;
    this.#chunks.shift();
    if (this.#chunks.length === 0) this.#spare = []; // the backlog is over
    if (chunk.bytes.length === CHUNK_BYTES) this.#spare.push(chunk);
  }

  clear(): void {
    this.#chunks = [];
    this.#spare = [];
  }

  #newChunk(size: number): Chunk {
    const spare = size <= CHUNK_BYTES ? this.#spare.pop() : undefined;
    const bytes = spare?.bytes ?? Buffer.allocUnsafeSlow(Math.max(size, CHUNK_BYTES));
    return { bytes, written: 0, read: 0 };
  }
}
