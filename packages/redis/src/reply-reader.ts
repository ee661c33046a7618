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

/** Hears a Pub/Sub message, as Redis names it: `message`, `smessage` or `pmessage`. @param names the channel; of a `pmessage` the pattern and the channel */
export type HearMessage = (kind: string, names: readonly string[], text: string) => void;

/** How many values each has. */
const KINDS: Readonly<Record<string, number>> = { message: 3, smessage: 3, pmessage: 4 };

const NO_MESSAGE = -1;
const INCOMPLETE = 0;

/** What stands in front of a Pub/Sub message, up to the length of its text. */
interface Head {
  readonly bytes: Buffer;
  readonly kind: string;
  readonly names: readonly string[];
}

/**
 * Reads a socket into one buffer, again and again, and hands over whole replies of Redis only (RESP 2: https://redis.io/docs/latest/develop/reference/protocol-spec/).
 *
 * By itself Node takes a new buffer of 64 KiB per read, and the decoder of ioredis keeps those that a reply lies in until it is whole, then copies them.
 * In a flood that is twice of what arrives, outside of the heap, where it waits for a garbage collection that only the heap brings about: 30 MB and more,
 * of which the half is never given back.
 */
export class ReplyReader {
  /**
   * Hears Pub/Sub messages, past the decoder of ioredis: that takes longer for a short one than Redis needs to send it, and Redis cuts a subscriber off
   * that falls behind. Unset: they are handed over like replies.
   */
  hear: HearMessage | undefined;
  #bytes = Buffer.alloc(0); // a connection that fails reads nothing
  #filled = 0;
  /** Up to here it has been handed over. */
  #taken = 0;
  /** Where the last whole reply ends. */
  #whole = 0;
  /** Up to here it has been looked through. */
  #seen = 0;
  /** So many values the reply still has from there on. */
  #values = 1;
  /** Of the last message: the next one is probably from the same channel. */
  #head: Head | undefined;
  /** Where the line ends that was looked at last. */
  #stop = 0;
  /** What comes is no RESP 2: the decoder has to say so. */
  #isStrange = false;

  /** Where the next read goes. */
  get room(): Buffer {
    if (this.#filled === this.#bytes.length) this.#resize(Math.max(2 * this.#filled, USUAL_BYTES));
    return this.#bytes.subarray(this.#filled);
  }

  /** So many bytes were read into the room. Whoever takes is called in any case: that something came is a sign of life. */
  arrived(count: number, take: TakeReplies): void {
    this.#filled += count;
    this.#look(take);
    this.#forget();
  }

  /** As an option for a socket. @param socket it, once it is read */
  reading(socket: () => { emit(event: 'data', replies: Buffer): unknown }): OnReadOpts {
    const take: TakeReplies = (replies) => void socket().emit('data', replies);
    return {
      buffer: () => this.room,
      callback: (count) => {
        this.arrived(count, take);
        return true;
      },
    };
  }

  #look(take: TakeReplies): void {
    while (this.#seen < this.#filled && !this.#isStrange) {
      const isStart = this.#seen === this.#whole;
      const end = isStart && this.hear !== undefined ? this.#endOfMessage(this.#seen) : NO_MESSAGE;
      if (end === INCOMPLETE) break;
      if (end !== NO_MESSAGE) this.#hear(end, take);
      else if (!this.#passValue()) break;
    }
    if (this.#isStrange) {
      this.#whole = this.#seen = this.#filled;
      this.#handOver(Buffer.from(this.#bytes.subarray(this.#taken, this.#whole)), take); // the decoder may keep it
    } else this.#handOver(this.#bytes.subarray(this.#taken, this.#whole), take);
  }

  #handOver(replies: Buffer, take: TakeReplies): void {
    this.#taken = this.#whole;
    try {
      take(replies);
    } catch (error) {
      throwLater(error);
    }
  }

  /** Lets go of what was handed over. */
  #forget(): void {
    const taken = this.#taken;
    this.#taken = 0;
    this.#bytes.copyWithin(0, taken, this.#filled);
    this.#filled -= taken;
    this.#whole -= taken;
    this.#seen -= taken;
    if (this.#bytes.length > MOST_KEPT_BYTES && this.#filled < USUAL_BYTES) this.#resize(USUAL_BYTES);
  }

  #resize(size: number): void {
    const bytes = Buffer.allocUnsafeSlow(size);
    this.#bytes.copy(bytes, 0, 0, this.#filled);
    this.#bytes = bytes;
  }

  /** Looks past a value, or past the head of an array. False: not all of it is there. */
  #passValue(): boolean {
    const type = this.#bytes[this.#seen]!;
    if (type !== BULK && type !== ARRAY) return this.#passLine(type);
    const length = this.#lengthAt(this.#seen);
    if (length === undefined) return false;
    const isBulk = type === BULK && length >= 0;
    const next = isBulk ? this.#stop + length + 2 : this.#stop;
    if (next > this.#filled) return false;
    this.#passed(next, type === ARRAY ? Math.max(length, 0) - 1 : -1);
    return true;
  }

  #passLine(type: number): boolean {
    if (!LINES.includes(type)) this.#isStrange = true;
    let next = this.#seen + 1;
    while (next < this.#filled && this.#bytes[next] !== CR) next++;
    if (next + 2 > this.#filled || this.#isStrange) return false;
    this.#passed(next + 2, -1);
    return true;
  }

  /** @param values by so many the reply has more to come */
  #passed(next: number, values: number): void {
    this.#seen = next;
    this.#values += values;
    if (this.#values > 0) return;
    this.#values = 1;
    this.#whole = next;
  }

  /** The number behind the type at `at`: negative for null. `undefined`: its line is not all there. */
  #lengthAt(at: number): number | undefined {
    const bytes = this.#bytes;
    let length = 0;
    let stop = at + 1;
    for (; stop < this.#filled && bytes[stop] !== CR; stop++) {
      if (bytes[stop] === MINUS) length = Number.NEGATIVE_INFINITY;
      else length = length * 10 + bytes[stop]! - 48;
    }
    this.#stop = stop + 2;
    return this.#stop > this.#filled ? undefined : length;
  }

  #hear(end: number, take: TakeReplies): void {
    // What Redis said before it is heard before it.
    if (this.#taken < this.#whole) this.#handOver(this.#bytes.subarray(this.#taken, this.#whole), take);
    const { kind, names } = this.#head!;
    const start = this.#stop;
    this.#taken = this.#whole = this.#seen = end;
    try {
      this.hear!(kind, names, this.#bytes.toString('utf8', start, end - 2));
    } catch (error) {
      throwLater(error);
    }
  }

  /** Where the message ends that begins at `at`; its text begins at `stop`. */
  #endOfMessage(at: number): number {
    const head = this.#headAt(at);
    if (typeof head === 'number') return head;
    this.#head = head;
    const length = this.#lengthAt(at + head.bytes.length - 1);
    if (length === undefined) return INCOMPLETE;
    if (length < 0) return NO_MESSAGE;
    const end = this.#stop + length + 2;
    return end > this.#filled ? INCOMPLETE : end;
  }

  #headAt(at: number): Head | typeof NO_MESSAGE | typeof INCOMPLETE {
    if (this.#head !== undefined && this.#startsWith(this.#head.bytes, at)) return this.#head;
    if (this.#bytes[at] !== ARRAY) return NO_MESSAGE;
    const values = this.#lengthAt(at);
    if (values === undefined) return INCOMPLETE;
    if (values !== 3 && values !== 4) return NO_MESSAGE;
    const texts: string[] = [];
    for (let next = this.#stop; ; next = this.#stop) {
      if (next >= this.#filled) return INCOMPLETE;
      if (this.#bytes[next] !== BULK) return NO_MESSAGE;
      if (texts.length === values - 1) {
        const [kind = '', ...names] = texts;
        return { bytes: Buffer.from(this.#bytes.subarray(at, next + 1)), kind, names };
      }
      const length = this.#lengthAt(next);
      if (length === undefined || this.#stop + length + 2 > this.#filled) return INCOMPLETE;
      texts.push(this.#bytes.toString('utf8', this.#stop, this.#stop + length));
      if (KINDS[texts[0]!] !== values) return NO_MESSAGE;
      this.#stop += length + 2;
    }
  }

  #startsWith(head: Buffer, at: number): boolean {
    if (at + head.length > this.#filled) return false;
    for (let i = 0; i < head.length; i++) if (this.#bytes[at + i] !== head[i]) return false;
    return true;
  }
}

/** Ends the process, unless somebody has decided otherwise. Thrown at once, it would leave Node reading to where the room was before. */
const throwLater = (error: unknown): void =>
  queueMicrotask(() => {
    throw error;
  });
