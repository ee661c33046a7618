import type { Duplex } from 'node:stream';
import type { Redis } from 'ioredis';

/** What Redis says to a client that it does not take, before it hangs up: nobody has asked it anything then. */
const FAREWELL = /^-(?:DENIED|ERR) ((?:Redis is running in protected mode|max number of clients)[^.\r\n]*)/;

// The real one, whatever a test puts in its place afterwards: this is about the event loop, not about time.
const { setImmediate } = globalThis;

const farewells = new WeakMap<Redis, string>();

/** Why Redis has hung up, in its own words. `undefined`: it has not said. */
export const farewellOf = (client: Redis): string | undefined => farewells.get(client);

/** Hears what Redis says to a client before it hangs up: ioredis takes it for an answer, or does not read it. The socket has just connected. */
export function hearFarewell(socket: Duplex, client: Redis): void {
  const hear = (data: Buffer) => {
    if (data.length === 0) return; // the beginning of something
    socket.off('data', hear);
    const [, words] = FAREWELL.exec(String(data)) ?? [];
    if (words !== undefined) farewells.set(client, words);
  };
  socket.on('data', hear);
  // To write to one that has hung up fails, and then what it said before is not read any more: so that is looked for first.
  socket.cork();
  setImmediate(() => setImmediate(() => socket.uncork()));
}
