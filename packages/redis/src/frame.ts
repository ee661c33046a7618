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
export const toSharedRecord = (shared: string): string => toRecord(`{"shared":${shared}}}`);

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
 */
export function eachInFrame(message: string, channel: string, deliver: Deliver): void {
  let origin: Origin = { channel };
  if (!message.startsWith(RECORD_SEPARATOR)) {
    deliver(message, origin);
    return;
  }
  for (let start = 1, records = 1; start <= message.length; records++) {
    const next = records < MOST_RECORDS ? message.indexOf(RECORD_SEPARATOR, start) : -1;
    const end = next === -1 ? message.length : next;
    const stop = message[end - 1] === '\n' ? end - 1 : end;
    if (message.startsWith('{"shared":', start)) {
      const shared = sharedIn(message.slice(start + '{"shared":'.length, stop - 1));
      origin = { channel, shared };
      if (shared === undefined) deliver(message.slice(start, stop), origin); // is refused by whoever reads it, and counted
    } else if (stop > start) deliver(message.slice(start, stop), origin); // several separators in a row are one (RFC 7464, 2.1)
    start = end + 1;
  }
}

function sharedIn(text: string): Origin['shared'] {
  try {
    return decodeShared(text);
  } catch {
    return undefined;
  }
}
