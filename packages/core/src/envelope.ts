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
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly key?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly causationId?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  readonly timeoutMs?: number | undefined;
  readonly extensions?: Readonly<Record<string, ExtensionValue>> | undefined;
}

/** Encodes the events of one contract from one source. */
export type EnvelopeEncoder = (attributes: EnvelopeAttributes, dataJson: string) => string;

// One string per millisecond: a burst shares it.
let lastTime = Number.NaN;
let lastTimeText = '';
function rfc3339(time: number): string {
  if (time !== lastTime) {
    lastTime = time;
    lastTimeText = new Date(time).toISOString();
  }
  return lastTimeText;
}

/** Prepares what all events of one contract share, so that encoding is one concatenation around the data's JSON. */
export function envelopeEncoder(source: string, type: string, version: number): EnvelopeEncoder {
  const shared = `","source":${JSON.stringify(source)},"type":${JSON.stringify(type)},"dataversion":"${version}","datacontenttype":"application/json","time":"`;
  return (attributes, dataJson) => {
    let rest = '';
    if (attributes.key !== undefined) rest += `,"partitionkey":${JSON.stringify(attributes.key)}`;
    if (attributes.correlationId !== undefined) rest += `,"correlationid":${JSON.stringify(attributes.correlationId)}`;
    if (attributes.causationId !== undefined) rest += `,"causationid":${JSON.stringify(attributes.causationId)}`;
    if (attributes.traceparent !== undefined) rest += `,"traceparent":${JSON.stringify(attributes.traceparent)}`;
    if (attributes.tracestate !== undefined) rest += `,"tracestate":${JSON.stringify(attributes.tracestate)}`;
    if (attributes.timeoutMs !== undefined) rest += `,"timeoutms":${attributes.timeoutMs}`;
    for (const name in attributes.extensions)
      rest += `,${JSON.stringify(name)}:${JSON.stringify(attributes.extensions[name])}`;
    return `{"specversion":"1.0","id":"${attributes.id}${shared}${rfc3339(attributes.time)}"${rest},"data":${dataJson}}`;
  };
}

/** Keeps the encoders of one source, one for each contract: made when the first of its messages goes out. */
export function envelopeEncoders(
  source: string,
): (contract: { readonly channel: string; readonly name: string; readonly version: number }) => EnvelopeEncoder {
  const encoders = new Map<string, EnvelopeEncoder>();
  return ({ channel, name, version }) => {
    let encode = encoders.get(channel);
    if (encode === undefined) {
      encode = envelopeEncoder(source, name, version);
      encoders.set(channel, encode);
    }
    return encode;
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

/**
 * Reads an envelope.
 * @throws BelfryError `ENVELOPE_INVALID`; the message says what is wrong and quotes nothing of the text
 */
export function decodeEnvelope(text: string): Envelope {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid('it is not JSON'); // the parser's own message quotes the payload
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('it is not a JSON object');
  const envelope = value as Record<string, unknown>;
  if (envelope.specversion !== '1.0') throw invalid('specversion is not "1.0"');
  for (const name of ['id', 'source', 'type']) {
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

/**
 * The number of an event among those that its source has published on its channel, from 1 on, in front of everything else.
 * @param uncertain numbers before it that may never have been published, as `first-last`: their publishers were told that they are unconfirmed
 */
export const numbered = (body: string, sequence: number, uncertain?: string): string => {
  if (!body.startsWith('{"')) return body;
  const doubt = uncertain === undefined ? '' : `"uncertain":"${uncertain}",`;
  return `{"sequence":"${sequence}",${doubt}${body.slice(1)}`;
};

/** The place of a numbered event among what is kept of its channel, in front of everything else. */
export const placed = (body: string, cursor: string): string =>
  body.startsWith('{"') ? `{"cursor":"${cursor}",${body.slice(1)}` : body;

/** How many bytes `numbered` and `placed` may have added: they do not count against the limit of a message's size. */
export const standingBytes = (body: string): number =>
  body.startsWith('{"sequence":"') || body.startsWith('{"cursor":"') ? 160 : 0;

/** Where an event stands: among those of its source on its channel, and among what is kept of the channel. */
export interface Standing {
  readonly source: string;
  readonly sequence: number | undefined;
  /** The first and the last of the numbers before it that may never have been published. */
  readonly uncertain: readonly [first: number, last: number] | undefined;
  readonly cursor: string | undefined;
}

const asBelfryWritesIt =
  /^\{(?:"cursor":"([^"\\]{1,64})",)?"sequence":"(\d{1,15})",(?:"uncertain":"(\d{1,15}-\d{1,15})",)?"specversion":"1\.0","id":"[^"\\]{1,256}","source":"([^"\\]{1,256})"/;

/** What is larger is not read twice for the sake of a number. */
const MOST_FOREIGN = 65_536;

/**
 * Reads where an event stands, without reading all of it; `undefined` when it does not say. What other programs write is looked at too,
 * in whatever order its attributes are, when it is not large.
 */
export function standingOf(body: string): Standing | undefined {
  const [, cursor, digits, uncertain, writer] = asBelfryWritesIt.exec(body) ?? [];
  if (writer !== undefined) return { source: writer, sequence: Number(digits), uncertain: rangeIn(uncertain), cursor };
  if (body.length > MOST_FOREIGN || !body.includes('"sequence"')) return undefined;
  try {
    const { source, sequence, uncertain: doubt, cursor: place } = decodeEnvelope(body) as Record<string, unknown>;
    const isNumber = /^\d{1,15}$/.test(String(sequence));
    return {
      source: String(source).slice(0, 256),
      sequence: isNumber ? Number(sequence) : undefined,
      uncertain: rangeIn(doubt),
      cursor: typeof place === 'string' ? place : undefined,
    };
  } catch {
    return undefined;
  }
}

function rangeIn(text: unknown): Standing['uncertain'] {
  if (typeof text !== 'string') return undefined;
  const [, first, last] = /^(\d{1,15})-(\d{1,15})$/.exec(text) ?? [];
  return last === undefined ? undefined : [Number(first), Number(last)];
}

/** Who wrote what, of an envelope that is too large to be read, or of too many: as Belfry writes it; `undefined` for any other. */
export function headOf(text: string): { readonly id: string; readonly source: string } | undefined {
  const [, id, source] = /^\{"specversion":"1.0","id":"([^"\\]+)","source":"([^"\\]+)"/.exec(text.slice(0, 1024)) ?? [];
  return id === undefined || source === undefined ? undefined : { id, source };
}
