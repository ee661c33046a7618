const RECORD_SEPARATOR = '\x1e';

/** The newest frame version that this release reads, as a place in a ring names it. */
export const FRAME_VERSION = '01';

/**
 * Hands over what one Pub/Sub message carries: a lone event as itself, or a frame of several, which is a JSON text sequence
 * (https://www.rfc-editor.org/rfc/rfc7464). The separator occurs in no JSON text, so one bad record spoils no other.
 */
export function eachInFrame(message: string, take: (body: string) => void): void {
  if (!message.startsWith(RECORD_SEPARATOR)) {
    take(message);
    return;
  }
  for (let start = 1; start <= message.length; ) {
    const next = message.indexOf(RECORD_SEPARATOR, start);
    const end = next === -1 ? message.length : next;
    take(message.slice(start, message[end - 1] === '\n' ? end - 1 : end));
    start = end + 1;
  }
}
