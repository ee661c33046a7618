import { type Deliver, decodeShared, numberedOwn, type Origin } from '@belfry/core';

const RECORD_SEPARATOR = '\x1e';

/** The newest frame version that this release reads, as a place in a ring names it. */
export const FRAME_VERSION = '02';

/** Makes one Pub/Sub message of several bodies, a frame of version 1; a lone one travels as itself. */
export const toFrame = (bodies: readonly string[]): string =>
  bodies.length === 1 ? String(bodies[0]) : `${RECORD_SEPARATOR}${bodies.join(`\n${RECORD_SEPARATOR}`)}\n`;

/** One record of a frame. */
export const toRecord = (text: string): string => `${RECORD_SEPARATOR}${text}\n`;

/** In a frame of version 2, the record that says what the envelopes after it have in common. `shared` is their beginning. */
export const toSharedRecord = (shared: string): string => toRecord(`${SHARED}${shared}}}`);

/** Every frame of version 2 that is published begins so. */
export const FRAME_BEGINNING = `${RECORD_SEPARATOR}{"shared":{`;

/** The same frame of version 2 with other numbers. */
export function renumbered(frame: string, numbers: readonly number[], uncertain: string | undefined): string {
  let at = 0;
  return frame.replace(NUMBERED, () => `${RECORD_SEPARATOR}${numberedOwn('', numbers[at++]!, uncertain)}`);
}

const NUMBERED = new RegExp(`${RECORD_SEPARATOR}\\{"sequence":"\\d+"(?:,"uncertain":"[\\d-]+")?`, 'g');

/** A publisher puts at most 256 events into a frame. What stands behind so many is garbage, and handed over in one piece. */
const MOST_RECORDS = 1024;

/**
 * Hands over what one Pub/Sub message carries: a lone event as itself, or a frame of several, which is a JSON text sequence
 * (https://www.rfc-editor.org/rfc/rfc7464). The separator occurs in no JSON text, so one bad record spoils no other; a bad record of what others
 * share spoils those.
 * @param from in which channel it came: where it can be, always the same object, because a flood of new ones would fill the old generation of the heap
 * @param isGroup what is kept, and where, does not matter
 */
export function eachInFrame(message: string, from: Origin, deliver: Deliver, isGroup = false): void {
  let origin = from;
  if (!message.startsWith(RECORD_SEPARATOR)) {
    deliver(message, origin);
    return;
  }
  let kept: Kept | undefined;
  for (let start = 1, records = 1; start <= message.length; records++) {
    const next = records < MOST_RECORDS ? message.indexOf(RECORD_SEPARATOR, start) : -1;
    const end = next === -1 ? message.length : next;
    const stop = message[end - 1] === '\n' ? end - 1 : end;
    if (message.startsWith(SHARED, start)) {
      const text = message.slice(start + SHARED.length, stop - 1);
      const shared = sharedIn(text);
      kept = isGroup || shared === undefined ? undefined : keptIn(text, kept);
      origin = { channel: from.channel, shared };
      if (shared === undefined) deliver(message.slice(start, stop), origin); // is refused by whoever reads it, and counted
    } else if (stop > start) {
      // Several separators in a row are one (RFC 7464, 2.1).
      const body = message.slice(start, stop);
      if (kept === undefined) deliver(body, origin);
      else deliver(withCursor(kept, body), from);
    }
    start = end + 1;
  }
}

const SHARED = '{"shared":';

/** Of events that are kept for later: what they share, as text, and the cursor of the next. */
interface Kept {
  readonly shared: string;
  readonly time: string;
  number: number;
}

function keptIn(text: string, before: Kept | undefined): Kept | undefined {
  const [, time, number] = /^\{"cursor":"(\d{1,15})-(\d{1,15})",/.exec(text) ?? [];
  if (time !== undefined) return { shared: text.slice(text.indexOf(',') + 1, -1), time, number: Number(number) };
  return before && { ...before, shared: text.slice(1, -1) };
}

/** Such an event is an envelope of its own: it may have to wait for what was missed before it. */
const withCursor = (kept: Kept, body: string): string =>
  `{"cursor":"${kept.time}-${kept.number++}",${kept.shared},${body.slice(1)}`;

function sharedIn(text: string): Origin['shared'] {
  try {
    return decodeShared(text);
  } catch {
    return undefined;
  }
}
