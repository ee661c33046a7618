/** What a byte means where a RESP value begins. https://redis.io/docs/latest/develop/reference/protocol-spec/ */
const lines = '+-:_,#(';
const bulks = '$!=';
const aggregates = '*~%|>';

/**
 * Counts the complete messages in one direction of a RESP 2 or 3 connection, chunk by chunk, without keeping them.
 * RESP 3 pushes, which answer nothing, are not counted. Gives up for good (`isLost`) at bytes that are not RESP.
 */
export class RespCounter {
  /** Complete messages so far. */
  count = 0;
  /** True once the bytes made no sense: nothing is counted any more. */
  isLost = false;
  /** Values that are still to come, for each aggregate that is open; the innermost one last. */
  #open: number[] = [];
  #isPush = false;
  #line = '';
  /** Bytes of a bulk string, with its line end, that are still to come. */
  #skip = 0;

  /** True in the middle of a message. */
  get isPartial(): boolean {
    return this.#open.length > 0 || this.#line !== '' || this.#skip > 0;
  }

  /** Reads on. */
  read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.isLost) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, chunk.length - at);
        at += skipped;
        this.#skip -= skipped;
        if (this.#skip === 0) this.#valueEnds();
        continue;
      }
      const end = chunk.indexOf('\n', at);
      const stop = end < 0 ? chunk.length : end + 1;
      // Only the first bytes of a line say anything, and an error or a status may be long.
      this.#line += chunk.toString('latin1', at, Math.min(stop, at + 32));
      at = stop;
      if (end >= 0) this.#lineEnds();
    }
  }

  #lineEnds(): void {
    const type = this.#line.charAt(0);
    const size = Number.parseInt(this.#line.slice(1), 10);
    this.#line = '';
    if (lines.includes(type)) return this.#valueEnds();
    if (Number.isNaN(size) || !(bulks + aggregates).includes(type)) {
      this.isLost = true;
    } else if (bulks.includes(type)) {
      if (size < 0) this.#valueEnds();
      else this.#skip = size + 2;
    } else {
      if (type === '>' && this.#open.length === 0) this.#isPush = true;
      // An attribute is no value: the value that it describes still follows.
      const values = type === '%' ? 2 * size : type === '|' ? 2 * size + 1 : size;
      if (values > 0) this.#open.push(values);
      else this.#valueEnds();
    }
  }

  #valueEnds(): void {
    while (this.#open.length > 0) {
      const left = this.#open.pop()! - 1;
      if (left > 0) {
        this.#open.push(left);
        return;
      }
    }
    if (!this.#isPush) this.count++;
    this.#isPush = false;
  }
}
