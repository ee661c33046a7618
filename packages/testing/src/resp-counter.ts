/** What a byte means where a RESP value begins. https://redis.io/docs/latest/develop/reference/protocol-spec/ */
const lines = '+-:_,#(';
const bulks = '$!=';
const aggregates = '*~%|>';

/** The outline of a complete message. */
export interface RespMessage {
  /** Its first byte. */
  readonly type: string;
  /** How many values it has, when it is an aggregate. */
  readonly size: number;
  /** The beginning (32 bytes) of its first value, when it is an aggregate. */
  readonly first: string;
}

/**
 * Counts the complete messages in one direction of a RESP 2 or 3 connection, chunk by chunk, without keeping them.
 * Gives up for good (`isLost`) at bytes that are not RESP.
 */
export class RespCounter {
  /** The weights of all complete messages so far. */
  count = 0;
  /** True once the bytes made no sense: nothing is counted any more. */
  isLost = false;
  /** Values that are still to come, for each aggregate that is open; the innermost one last. */
  #open: number[] = [];
  #message: { type: string; size: number; first?: string } = { type: '', size: 0 };
  /** The beginning of the line or the bulk string that is being read. */
  #text = '';
  /** Bytes of a bulk string, with its line end, that are still to come. */
  #skip = 0;

  /** @param weigh how much a message counts. Default: 1 */
  constructor(private readonly weigh: (message: RespMessage) => number = () => 1) {}

  /** True in the middle of a message. */
  get isPartial(): boolean {
    return this.#open.length > 0 || this.#text !== '' || this.#skip > 0;
  }

  /** Reads on. */
  read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.isLost) {
      const isBulk = this.#skip > 0;
      const lineEnd = chunk.indexOf('\n', at);
      const end = isBulk ? at + this.#skip : lineEnd < 0 ? Number.POSITIVE_INFINITY : lineEnd + 1;
      const stop = Math.min(end, chunk.length);
      // Only the beginning says anything, and a line or a value may be long.
      if (this.#text.length < 32) this.#text += chunk.toString('latin1', at, Math.min(stop, at + 32));
      if (isBulk) this.#skip -= stop - at;
      at = stop;
      if (end > chunk.length) return;
      const text = this.#text;
      this.#text = '';
      if (isBulk) this.#valueEnds(text);
      else this.#lineEnds(text);
    }
  }

  #lineEnds(line: string): void {
    const type = line.charAt(0);
    const size = Number.parseInt(line.slice(1), 10);
    if (this.#open.length === 0) Object.assign(this.#message, { type, size, first: undefined });
    if (lines.includes(type)) {
      this.#valueEnds(line.slice(1));
    } else if (Number.isNaN(size) || !(bulks + aggregates).includes(type)) {
      this.isLost = true;
    } else if (bulks.includes(type)) {
      if (size < 0) this.#valueEnds('');
      else this.#skip = size + 2;
    } else {
      // An attribute is no value: the value that it describes still follows.
      const values = type === '%' ? 2 * size : type === '|' ? 2 * size + 1 : size;
      if (values > 0) this.#open.push(values);
      else this.#valueEnds('');
    }
  }

  #valueEnds(text: string): void {
    this.#message.first ??= text.trimEnd();
    while (this.#open.length > 0) {
      const left = this.#open.pop()! - 1;
      if (left > 0) {
        this.#open.push(left);
        return;
      }
    }
    this.count += this.weigh(this.#message as RespMessage);
  }
}

const subscribing = /^[ps]?(un)?subscribe$/i;
const delivering = /^[ps]?message$/;

/** How many replies a request gets. Each channel of a subscription is confirmed by itself. */
export function repliesTo({ type, size, first }: RespMessage): number {
  return type === '*' && subscribing.test(first) ? Math.max(1, size - 1) : 1;
}

/** 1 for a reply, 0 for what comes unasked: a message of a subscription, or (RESP 3) any other push. */
export function isReply({ type, first }: RespMessage): number {
  if (type === '>') return subscribing.test(first) ? 1 : 0;
  // In RESP 2 a message is an array like any other. That a list begins with this very word is rare enough.
  return type === '*' && delivering.test(first) ? 0 : 1;
}
