import { decodeEnvelope, type SharedAttributes } from './envelope.js';

/** Where an event stands: among those of its source on its channel, and among what is kept of the channel. */
export interface Standing {
  readonly source: string;
  readonly sequence: number | undefined;
  /** The first and the last of the numbers before it that may never have been published. */
  readonly uncertain: readonly [first: number, last: number] | undefined;
  readonly cursor: string | undefined;
}

/** An encoded event: in one piece, or behind what others have in common with it. */
export interface EncodedEvent {
  readonly shared?: string | undefined;
  readonly body: string;
}

/**
 * The attributes of an event's place among those that its source has published on its channel, from 1 on.
 * @param uncertain numbers before it that may never have been published, as `first-last`: their publishers were told that they are unconfirmed
 */
const numbers = (sequence: number, uncertain: string | undefined): string =>
  uncertain === undefined ? `"sequence":"${sequence}"` : `"sequence":"${sequence}","uncertain":"${uncertain}"`;

/** An event with its number, as an envelope of its own. */
export function numbered({ shared, body }: EncodedEvent, sequence: number, uncertain?: string): string {
  if (shared !== undefined) return `${shared},${numbers(sequence, uncertain)}${body}`;
  return body.startsWith('{"') ? `{${numbers(sequence, uncertain)},${body.slice(1)}` : body;
}

/** An event with its number, without what it has in common with others. */
export const numberedOwn = (body: string, sequence: number, uncertain?: string): string =>
  `{${numbers(sequence, uncertain)}${body}`;

/** The place of a numbered event among what is kept of its channel, in front of everything else. */
export const placed = (body: string, cursor: string): string =>
  body.startsWith('{"') ? `{"cursor":"${cursor}",${body.slice(1)}` : body;

/** How many bytes `numbered` and `placed` may have added: they do not count against the limit of a message's size. */
export const standingBytes = (body: string): number => (STANDING.test(body.slice(0, 1024)) ? 160 : 0);

const STANDING = /^\{(?:"cursor":"|"sequence":"|"specversion":.*"sequence":")/;

const WRITTEN =
  /^\{(?:"cursor":"(?<cursor>[^"\\]{1,64})",)?"specversion":"1\.0","source":"(?<source>[^"\\]{1,256})","type":"[^"\\]{1,256}","dataversion":"\d{1,15}","datacontenttype":"application\/json","time":"[^"\\]{1,40}","sequence":"(?<sequence>\d{1,15})"(?:,"uncertain":"(?<uncertain>\d{1,15}-\d{1,15})")?,/;
/** By releases before frames of version 2. */
const WRITTEN_BEFORE =
  /^\{(?:"cursor":"(?<cursor>[^"\\]{1,64})",)?"sequence":"(?<sequence>\d{1,15})",(?:"uncertain":"(?<uncertain>\d{1,15}-\d{1,15})",)?"specversion":"1\.0","id":"[^"\\]{1,256}","source":"(?<source>[^"\\]{1,256})"/;

/** Behind what it shares with others. */
const OWN = /^\{"sequence":"(\d{1,15})"(?:,"uncertain":"(\d{1,15}-\d{1,15})")?,/;

/** Who has a longer name has it shortened: it is remembered. */
const LONGEST_SOURCE = 256;

/** What is larger is not read twice for the sake of a number. */
const MOST_FOREIGN = 65_536;

/**
 * Reads where an event stands, without reading all of it; `undefined` when it does not say. What other programs write is looked at too,
 * in whatever order its attributes are, when it is not large.
 */
export function standingOf(body: string, shared?: SharedAttributes): Standing | undefined {
  if (shared !== undefined) {
    const [, sequence, uncertain] = OWN.exec(body) ?? [];
    if (sequence === undefined) return undefined;
    const source = shared.source.slice(0, LONGEST_SOURCE);
    return { source, sequence: Number(sequence), uncertain: rangeIn(uncertain), cursor: undefined };
  }
  const written = (WRITTEN.exec(body) ?? WRITTEN_BEFORE.exec(body))?.groups;
  if (written !== undefined) {
    const { source, sequence, uncertain, cursor } = written;
    return { source: source!, sequence: Number(sequence), uncertain: rangeIn(uncertain), cursor };
  }
  if (body.length > MOST_FOREIGN || !body.includes('"sequence"')) return undefined;
  try {
    const { source, sequence, uncertain, cursor } = decodeEnvelope(body) as Record<string, unknown>;
    const isNumber = /^\d{1,15}$/.test(String(sequence));
    return {
      source: String(source).slice(0, LONGEST_SOURCE),
      sequence: isNumber ? Number(sequence) : undefined,
      uncertain: rangeIn(uncertain),
      cursor: typeof cursor === 'string' ? cursor : undefined,
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
