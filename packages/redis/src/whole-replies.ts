import type { OnReadOpts } from 'node:net';

/** How much is read at a time. */
const USUAL_BYTES = 262_144;
/** A buffer that had to grow for a large reply is kept up to this size: more of them may come. */
const MOST_KEPT_BYTES = 2_097_152;

const CR = 13;
const ARRAY = 42; // *
const BULK = 36; // $
const MINUS = 45;
/** The other types of RESP 2: `+`, `-` and `:`, of one line each. */
const LINES = [43, 45, 58];

/** Whoever gets bytes here may look at them, or copy them, but not keep them. */
export type TakeReplies = (replies: Buffer) => void;

/**
 * Reads a socket into one buffer, again and again, and hands over whole replies of Redis only (RESP 2: https://redis.io/docs/latest/develop/reference/protocol-spec/).
 *
 * By itself Node takes a new buffer of 64 KiB per read, and the decoder of ioredis keeps those that a reply lies in until it is whole, then copies them.
 * In a flood that is twice of what arrives, outside of the heap, where it waits for a garbage collection that only the heap brings about: 30 MB and more,
 * of which the half is never given back.
 */
export class WholeReplies {
  #bytes = Buffer.allocUnsafeSlow(USUAL_BYTES);
  #filled = 0;
  /** Up to here it has been looked through. */
  #seen = 0;
  /** So many values the reply still has from there on. */
  #values = 1;
  /** What comes is no RESP 2: the decoder has to say so. */
  #isStrange = false;

  /** Where the next read goes. */
  get room(): Buffer {
    if (this.#filled === this.#bytes.length) this.#resize(2 * this.#filled);
    return this.#bytes.subarray(this.#filled);
  }

  /** So many bytes were read into the room. */
  arrived(count: number, take: TakeReplies): void {
    this.#filled += count;
    const end = this.#isStrange ? this.#filled : this.#endOfReplies();
    if (end === 0) return;
    const replies = this.#bytes.subarray(0, end);
    try {
      take(this.#isStrange ? Buffer.from(replies) : replies);
    } finally {
      this.#bytes.copyWithin(0, end, this.#filled);
      this.#filled -= end;
      this.#seen -= end;
      if (this.#bytes.length > MOST_KEPT_BYTES && this.#filled < USUAL_BYTES) this.#resize(USUAL_BYTES);
    }
  }

  #resize(size: number): void {
    const bytes = Buffer.allocUnsafeSlow(size);
    this.#bytes.copy(bytes, 0, 0, this.#filled);
    this.#bytes = bytes;
  }

  /** Where the last whole reply ends; 0: there is none yet. */
  #endOfReplies(): number {
    let end = 0;
    while (this.#seen < this.#filled) {
      const next = this.#nextValue(this.#seen);
      if (next === undefined || this.#isStrange) break;
      this.#seen = next;
      if (this.#values > 0) continue;
      this.#values = 1;
      end = next;
    }
    return this.#isStrange ? this.#filled : end;
  }

  /** Where the value at `at` ends, or of an array its head; `undefined`: not all of that is there. */
  #nextValue(at: number): number | undefined {
    const type = this.#bytes[at]!;
    if (type !== BULK && type !== ARRAY) {
      if (!LINES.includes(type)) this.#isStrange = true;
      const stop = this.#bytes.indexOf(CR, at);
      if (stop === -1 || stop + 2 > this.#filled) return undefined;
      this.#values--;
      return stop + 2;
    }
    let length = 0;
    let isNull = false;
    let stop = at + 1;
    for (; stop < this.#filled && this.#bytes[stop] !== CR; stop++) {
      if (this.#bytes[stop] === MINUS) isNull = true;
      else length = length * 10 + this.#bytes[stop]! - 48;
    }
    if (isNull) length = 0;
    const next = type === ARRAY || isNull ? stop + 2 : stop + 2 + length + 2;
    if (next > this.#filled) return undefined;
    this.#values += type === ARRAY ? length - 1 : -1;
    return next;
  }
}

/** Reading of a socket, as an option for it. @param socket it, once it is read */
export function readingWhole(socket: () => { emit(event: 'data', replies: Buffer): unknown }): OnReadOpts {
  const replies = new WholeReplies();
  const take: TakeReplies = (whole) => void socket().emit('data', whole);
  return {
    buffer: () => replies.room,
    callback: (count) => {
      replies.arrived(count, take);
      return true;
    },
  };
}
