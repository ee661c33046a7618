import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Redis, type RedisOptions } from 'ioredis';

const clients: Redis[] = [];

/** A client that reports each failure at once and does not reconnect. */
export async function open(url: string, options: RedisOptions = {}): Promise<Redis> {
  const client = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    retryStrategy: null,
    disableClientInfo: true,
    enableReadyCheck: false,
    ...options,
  });
  clients.push(client);
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Resolves when the client has given its connection up. Unlike `once()`, errors before that do not matter. */
export const endOf = (client: Redis) => new Promise<void>((resolve) => client.once('end', resolve));

/** A socket to the proxy, and what has happened to it. */
export async function openSocket(port: number): Promise<{ socket: Socket; error: Promise<string | undefined> }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const { promise, resolve } = deferred<string | undefined>();
  socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code)).on('end', () => resolve(undefined));
  await once(socket, 'connect');
  return { socket, error: promise };
}

/** A promise and what resolves it. */
export function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Ends what `open` has opened. */
export function disconnectAll(): void {
  for (const client of clients.splice(0)) client.disconnect();
}
