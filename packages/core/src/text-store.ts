interface Chunk {
  readonly bytes: Buffer;
  written: number;
  read: number;
}

/** A chunk is as large, or a multiple of it where one text needs more. */
const CHUNK_BYTES = 65_536;
/** So much is kept for what comes next: buffers that nobody uses go only with the garbage of the heap, and have grown old by then. */
const MOST_SPARE_BYTES = 4_194_304;
/** Before each text stand its length in bytes and in characters. */
const HEAD_BYTES = 8;

/**
 * Texts that wait, first in, first out, outside of the heap. As strings they would live just long enough to be moved to the old generation of the heap,
 * and a queue that is always full would let that grow to many times of what is in it before it is collected. And a part of a frame would keep all of
 * the frame in memory, also when the rest of it was dropped.
 */
export class TextStore {
  #chunks: Chunk[] = [];
  /** Used before, and kept for the next of their size. */
  #spare: Buffer[] = [];
  #spareBytes = 0;

  push(text: string): void {
    const size = Buffer.byteLength(text);
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || chunk.written + HEAD_BYTES + size > chunk.bytes.length) {
      chunk = this.#newChunk(HEAD_BYTES + size);
      this.#chunks.push(chunk);
    }
    chunk.bytes.writeUInt32LE(size, chunk.written);
    chunk.bytes.writeUInt32LE(text.length, chunk.written + 4);
    chunk.bytes.write(text, chunk.written + HEAD_BYTES);
    chunk.written += HEAD_BYTES + size;
  }

  /** Takes the oldest out. There must be one. */
  shift(): string {
    const { bytes, read } = this.#chunks[0]!;
    const from = read + HEAD_BYTES;
    const text = bytes.toString('utf8', from, from + bytes.readUInt32LE(read));
    this.skip();
    return text;
  }

  /** The same, without looking at it. Returns how many characters it had. */
  skip(): number {
    const chunk = this.#chunks[0]!;
    const length = chunk.bytes.readUInt32LE(chunk.read + 4);
    chunk.read += HEAD_BYTES + chunk.bytes.readUInt32LE(chunk.read);
    if (chunk.read === chunk.written) this.#giveBack(chunk);
    return length;
  }

  clear(): void {
    this.#chunks = [];
    this.#forgetSpare();
  }

  #giveBack(chunk: Chunk): void {
    this.#chunks.shift();
    if (this.#chunks.length === 0) {
      this.#forgetSpare(); // the backlog is over
      if (chunk.bytes.length > CHUNK_BYTES) return;
    }
    this.#spare.push(chunk.bytes);
    this.#spareBytes += chunk.bytes.length;
    while (this.#spareBytes > MOST_SPARE_BYTES) this.#takeSpare(0); // the oldest: others were of use since then
  }

  #takeSpare(at: number): Buffer {
    const [bytes] = this.#spare.splice(at, 1);
    this.#spareBytes -= bytes!.length;
    return bytes!;
  }

  #forgetSpare(): void {
    this.#spare = [];
    this.#spareBytes = 0;
  }

  #newChunk(size: number): Chunk {
    const length = Math.ceil(size / CHUNK_BYTES) * CHUNK_BYTES;
    const at = this.#spare.findLastIndex((spare) => spare.length === length);
    const bytes = at === -1 ? Buffer.allocUnsafeSlow(length) : this.#takeSpare(at);
    return { bytes, written: 0, read: 0 };
  }
}
