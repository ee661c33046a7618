const RECORD_SEPARATOR = '\x1e';

/** The newest frame version that this release reads, as a place in a ring names it. */
export const FRAME_VERSION = '01';

/** Makes one Pub/Sub message of several bodies; a lone one travels as itself. */
export const toFrame = (bodies: readonly string[]): string =>
  bodies.length === 1 ? String(bodies[0]) : `${RECORD_SEPARATOR}${bodies.join(`\n${RECORD_SEPARATOR}`)}\n`;

/** A publisher puts at most 256 events into a frame. What stands behind so many is garbage, and handed over in one piece. */
const MOST_RECORDS = 1024;

/**
 * Hands over what one Pub/Sub message carries: a lone event as itself, or a frame of several, which is a JSON text sequence
 * (https://www.rfc-editor.org/rfc/rfc7464). The separator occurs in no JSON text, so one bad record spoils no other.
 */
export function eachInFrame(message: string, take: (body: string) => void): void {
  if (!message.startsWith(RECORD_SEPARATOR)) {
    take(message);
    return;
  }
  for (let start = 1, records = 1; start <= message.length; records++) {
    const next = records < MOST_RECORDS ? message.indexOf(RECORD_SEPARATOR, start) : -1;
    const end = next === -1 ? message.length : next;
    const stop = message[end - 1] === '\n' ? end - 1 : end;
    if (stop > start) take(message.slice(start, stop)); // several separators in a row are one (RFC 7464, 2.1)
    start = end + 1;
  }
}
