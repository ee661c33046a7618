import type { AnyRequest } from '@belfry/contracts';
import type { EnvelopeAttributes, EnvelopeEncoder, ExtensionValue } from './envelope.js';
import type { causalityOf, OutgoingOptions } from './outgoing.js';

/** What the requests of one contract have in common. */
export interface Line {
  readonly contract: AnyRequest;
  /** With its namespace. */
  readonly channel: string;
  readonly encoder: EnvelopeEncoder;
}

/** What is asked, checked and written as JSON: ready to be encoded. */
export class Question implements EnvelopeAttributes {
  readonly line: Line;
  readonly id: string;
  readonly time: number;
  readonly key: string | undefined;
  /** The input. */
  readonly json: string;
  readonly signals: readonly AbortSignal[];
  readonly correlationId: string | undefined;
  readonly causationId: string | undefined;
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
  readonly extensions: Readonly<Record<string, ExtensionValue>> | undefined;
  /** How long the caller waits, in milliseconds; with a stream, for each value. */
  timeout: number;
  timeoutMs: number | undefined;

  /** @param time in milliseconds since 1970 */
  constructor(
    line: Line,
    id: string,
    time: number,
    key: string | undefined,
    json: string,
    timeout: number,
    signals: readonly AbortSignal[],
    causality: ReturnType<typeof causalityOf>,
    extensions: OutgoingOptions['extensions'],
  ) {
    this.line = line;
    this.id = id;
    this.time = time;
    this.key = key;
    this.json = json;
    this.signals = signals;
    this.correlationId = causality.correlationId;
    this.causationId = causality.causationId;
    this.traceparent = causality.traceparent;
    this.tracestate = causality.tracestate;
    this.extensions = extensions;
    this.timeout = timeout;
    this.timeoutMs = undefined;
  }

  /** The envelope, with the milliseconds that are left. */
  encode(timeoutMs: number): string {
    this.timeoutMs = timeoutMs;
    const { encoder } = this.line;
    return encoder.shared(this.time) + encoder.own(this, this.json);
  }
}
