import type { ServerResponse } from 'node:http';

/** An event as `EventSource` gets it. */
export interface StreamedEvent {
  readonly name: string;
  /** Sent as JSON. */
  readonly data: unknown;
}

export interface EventStreamsOptions {
  /** What a browser is told first, and again when it was too slow for what came in between. */
  readonly snapshot: () => StreamedEvent;
  /** Who comes then is refused. @default 200 */
  readonly maxStreams?: number;
  /** After so much silence a comment goes out, so that nothing on the way takes the connection for dead. @default 15 000 */
  readonly heartbeatMs?: number;
  /** A browser that has taken nothing for so long is let go. @default 60 000 */
  readonly stallMs?: number;
  /** What browsers wait before they connect again. @default 2000 */
  readonly retryMs?: number;
}

/**
 * Tells many browsers the same, over Server-Sent Events. For one that does not keep up nothing is piled up: it is left out until it has
 * taken what it was sent, and then gets a snapshot. So each holds at most one event more than a socket's buffer.
 */
export class EventStreams {
  readonly #streams = new Set<EventStream>();
  readonly #snapshot: () => StreamedEvent;
  readonly #maxStreams: number;
  readonly #stallMs: number;
  readonly #retryMs: number;
  readonly #heartbeat: NodeJS.Timeout;
  #lastId = 0;
  #closed = false;

  constructor({
    snapshot,
    maxStreams = 200,
    heartbeatMs = 15_000,
    stallMs = 60_000,
    retryMs = 2000,
  }: EventStreamsOptions) {
    this.#snapshot = snapshot;
    this.#maxStreams = maxStreams;
    this.#stallMs = stallMs;
    this.#retryMs = retryMs;
    this.#heartbeat = setInterval(() => this.#beat(), heartbeatMs);
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Answers with a stream, beginning with a snapshot. @returns false, and does nothing, when there are enough of them */
  open(response: ServerResponse): boolean {
    if (this.#closed || this.#streams.size >= this.#maxStreams) return false;
    const stream = new EventStream(response, () => this.#text(this.#snapshot()));
    this.#streams.add(stream);
    response.once('close', () => this.#streams.delete(stream));
    response.on('error', () => {}); // it is gone; `close` follows
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no', // nginx would wait for more
    });
    stream.write(`retry: ${this.#retryMs}\n${this.#text(this.#snapshot())}`);
    return true;
  }

  send(event: StreamedEvent): void {
    if (this.#streams.size === 0) return;
    this.#lastId += 1;
    const text = this.#text(event); // once for all
    for (const stream of this.#streams) stream.write(text);
  }

  /** Ends every stream. The browsers will try again after a while. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#heartbeat);
    for (const stream of this.#streams) stream.end();
  }

  #beat(): void {
    for (const stream of this.#streams) {
      if (stream.stalledMs > this.#stallMs) stream.destroy();
      else stream.write(': heartbeat\n\n');
    }
  }

  /** JSON has no line breaks, so it is one line of data. */
  #text({ name, data }: StreamedEvent): string {
    return `id: ${this.#lastId}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
  }
}

/** One browser. */
class EventStream {
  #fullSince: number | undefined;
  #hasMissed = false;

  constructor(
    private readonly response: ServerResponse,
    private readonly catchUp: () => string,
  ) {
    response.on('drain', () => {
      this.#fullSince = undefined;
      if (!this.#hasMissed) return;
      this.#hasMissed = false;
      this.write(this.catchUp());
    });
  }

  /** For how long it has taken nothing that waits for it. */
  get stalledMs(): number {
    return this.#fullSince === undefined ? 0 : performance.now() - this.#fullSince;
  }

  write(text: string): void {
    if (this.#fullSince !== undefined) this.#hasMissed = true;
    else if (!this.response.write(text)) this.#fullSince = performance.now();
  }

  end(): void {
    this.response.end();
  }

  destroy(): void {
    this.response.destroy();
  }
}
