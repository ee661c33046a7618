import { BelfryError } from '@belfry/contracts';

/** A CloudEvents extension attribute's value. Names are lower-case letters and digits. */
export type ExtensionValue = string | number | boolean;

/**
 * What travels: a CloudEvents 1.0 event in JSON, structured mode. Absent attributes are left out.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
export interface Envelope {
  readonly specversion: '1.0';
  /** Unique without coordination: the instance's random id and a counter. */
  readonly id: string;
  /** `/service/instance` */
  readonly source: string;
  /** The contract's name. */
  readonly type: string;
  /** RFC 3339. */
  readonly time?: string;
  readonly datacontenttype?: string;
  /** The contract's version; absent means 1. */
  readonly dataversion?: string;
  readonly partitionkey?: string;
  readonly correlationid?: string;
  readonly causationid?: string;
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** Of a request: the milliseconds that were left when it was written. A duration, because clocks differ. */
  readonly timeoutms?: number;
  readonly data?: unknown;
  readonly [extension: string]: unknown;
}

/** The attributes of an envelope that differ from one event of a contract to the next, its data aside. */
export interface EnvelopeAttributes {
  readonly id: string;
  readonly key?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly causationId?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  readonly timeoutMs?: number | undefined;
  readonly extensions?: Readonly<Record<string, ExtensionValue>> | undefined;
}

/** Encodes the messages of one contract from one source. */
export interface EnvelopeEncoder {
  /** What all of them share that are written in one millisecond: an envelope's beginning. The same text for the same millisecond. */
  shared(time: number): string;
  /** The rest of the envelope: what is one message's own. */
  own(attributes: EnvelopeAttributes, dataJson: string): string;
}

/** Prepares what the messages of one contract share, so that encoding is one concatenation around the data's JSON. */
export function envelopeEncoder(source: string, type: string, version: number): EnvelopeEncoder {
  const lasting = `{"specversion":"1.0","source":${JSON.stringify(source)},"type":${JSON.stringify(type)},"dataversion":"${version}","datacontenttype":"application/json","time":"`;
  let writtenAt = Number.NaN;
  let shared = '';
  return {
    shared(time) {
      if (time !== writtenAt) {
        writtenAt = time;
        shared = `${lasting}${new Date(time).toISOString()}"`;
      }
      return shared;
    },
    own({ id, key, correlationId, causationId, traceparent, tracestate, timeoutMs, extensions }, dataJson) {
      let rest = '';
      if (key !== undefined) rest += `,"partitionkey":${JSON.stringify(key)}`;
      if (correlationId !== undefined) rest += `,"correlationid":${JSON.stringify(correlationId)}`;
      if (causationId !== undefined) rest += `,"causationid":${JSON.stringify(causationId)}`;
      if (traceparent !== undefined) rest += `,"traceparent":${JSON.stringify(traceparent)}`;
      if (tracestate !== undefined) rest += `,"tracestate":${JSON.stringify(tracestate)}`;
      if (timeoutMs !== undefined) rest += `,"timeoutms":${timeoutMs}`;
      for (const name in extensions) rest += `,${JSON.stringify(name)}:${JSON.stringify(extensions[name])}`;
      return `,"id":"${id}"${rest},"data":${dataJson}}`;
    },
  };
}

const optionalTexts = [
  'time',
  'datacontenttype',
  'partitionkey',
  'correlationid',
  'causationid',
  'traceparent',
  'tracestate',
] as const;

/** What the events of one frame have in common. */
export type SharedAttributes = Pick<
  Envelope,
  'specversion' | 'source' | 'type' | 'time' | 'datacontenttype' | 'dataversion'
>;

/**
 * Reads what the events of a frame have in common.
 * @param text an envelope without what is each event's own
 * @throws BelfryError `ENVELOPE_INVALID`
 */
export function decodeShared(text: string): SharedAttributes {
  const { specversion, source, type, time, datacontenttype, dataversion } = checked(parse(text), ['source', 'type']);
  return { specversion, source, type, time, datacontenttype, dataversion };
}

/**
 * Reads an envelope.
 * @param shared what it has in common with others, where that was written once for all of them
 * @throws BelfryError `ENVELOPE_INVALID`; the message says what is wrong and quotes nothing of the text
 */
export function decodeEnvelope(text: string, shared?: SharedAttributes): Envelope {
  const envelope = parse(text);
  if (shared === undefined) return checked(envelope, ['id', 'source', 'type']);
  envelope.specversion = shared.specversion;
  envelope.source = shared.source;
  envelope.type = shared.type;
  envelope.time = shared.time;
  envelope.datacontenttype = shared.datacontenttype;
  envelope.dataversion = shared.dataversion;
  return checked(envelope, ['id']);
}

function parse(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid('it is not JSON'); // the parser's own message quotes the payload
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('it is not a JSON object');
  return value as Record<string, unknown>;
}

function checked(envelope: Record<string, unknown>, required: readonly string[]): Envelope {
  if (envelope.specversion !== '1.0') throw invalid('specversion is not "1.0"');
  for (const name of required) {
    if (typeof envelope[name] !== 'string' || envelope[name] === '') throw invalid(`${name} is not a text`);
  }
  for (const name of optionalTexts) {
    const attribute = envelope[name];
    if (attribute === null)
      delete envelope[name]; // says, in the JSON format, that the attribute is not set
    else if (attribute !== undefined && typeof attribute !== 'string') throw invalid(`${name} is not a text`);
  }
  const { dataversion } = envelope;
  if (dataversion === null) delete envelope.dataversion;
  else if (typeof dataversion === 'number') envelope.dataversion = String(dataversion);
  else if (dataversion !== undefined && typeof dataversion !== 'string')
    throw invalid('dataversion is neither a text nor a number');
  const { timeoutms } = envelope;
  if (timeoutms === null) delete envelope.timeoutms;
  else if (timeoutms !== undefined && !(typeof timeoutms === 'number' && timeoutms >= 0))
    throw invalid('timeoutms is no number of milliseconds');
  return envelope as Envelope;
}

const invalid = (what: string): BelfryError =>
  new BelfryError('ENVELOPE_INVALID', {
    message: `a message is not a CloudEvents 1.0 envelope: ${what}.`,
    hint: 'docs/redis-pubsub.md shows how a program without Belfry emits one.',
  });

const known = new Set<string>([
  'specversion',
  'id',
  'source',
  'type',
  'dataversion',
  'dataschema',
  'subject',
  'data',
  'data_base64',
  'sequence',
  'uncertain',
  'cursor',
  'timeoutms',
  ...optionalTexts,
]);

/** The attributes of an envelope that Belfry gives no meaning to. */
export function extensionsOf(envelope: Envelope): Readonly<Record<string, ExtensionValue>> {
  let extensions: Record<string, ExtensionValue> | undefined;
  for (const name in envelope) {
    const value = envelope[name];
    if (known.has(name) || (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean'))
      continue;
    extensions ??= Object.create(null) as Record<string, ExtensionValue>; // no prototype to pollute
    extensions[name] = value;
  }
  return extensions ?? none;
}

const none: Readonly<Record<string, ExtensionValue>> = Object.freeze({});

/** When it was written; `undefined` where it does not say, or says nonsense. */
export function timeOf({ time }: Envelope): Date | undefined {
  if (time === undefined) return undefined;
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** Who wrote what, of an envelope that is too large to be read, or of too many: as Belfry writes it; `undefined` for any other. */
export function headOf(text: string): { readonly id: string; readonly source: string } | undefined {
  const head = text.slice(0, 2048);
  const { id, source } = (WRITTEN.exec(head) ?? WRITTEN_BEFORE.exec(head))?.groups ?? {};
  return id === undefined || source === undefined ? undefined : { id, source };
}

const WRITTEN =
  /^\{"specversion":"1\.0","source":"(?<source>[^"\\]+)","type":"[^"\\]+","dataversion":"\d+","datacontenttype":"application\/json","time":"[^"\\]+","id":"(?<id>[^"\\]+)"/;
/** By releases before frames of version 2. */
const WRITTEN_BEFORE = /^\{"specversion":"1\.0","id":"(?<id>[^"\\]+)","source":"(?<source>[^"\\]+)"/;
