import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below the ephemeral ranges of Linux (from 32768) and macOS (from 49152): a port in there can be taken by any outgoing
// connection while a test has its server down, and a client that keeps dialling it can even end up connected to itself.
const lowest = 10_240;
const highest = 32_767;

/**
 * Finds a TCP port on which nothing listens on 127.0.0.1, below the range that outgoing connections use.
 * Another process may still take it before you do: whoever listens on it must be ready to ask for another one.
 * @throws when 100 random ports in a row were taken.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(lowest, highest + 1);
    if (await isFree(port)) return port;
  }
  throw new Error(`found no free port on 127.0.0.1 between ${lowest} and ${highest}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
