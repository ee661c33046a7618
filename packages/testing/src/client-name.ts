// CLIENT SETNAME name, and HELLO … SETNAME name, as arrays of bulk strings.
const setName =
  /(?:\$6\r\nclient|\$5\r\nhello(?:\r\n\$\d+\r\n[^\r]*)*?)\r\n\$7\r\nsetname\r\n\$\d+\r\n([^\r\n]*)\r\n/gi;
/** As much as can be left over of a command that continues in the next chunk. */
const tailLength = 1024;

/** Learns the name that a Redis client gives to its connection from the bytes that it sends. */
export class ClientName {
  /** The latest name, undefined before there is one. */
  current: string | undefined;
  #tail = '';

  /** Reads on; the command may begin in one chunk and end in the next. */
  read(chunk: Buffer): void {
    const text = this.#tail + chunk.toString('latin1');
    for (const [, name] of text.matchAll(setName)) this.current = name;
    this.#tail = text.slice(-tailLength);
  }
}
