import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { connect as connectByTls } from 'node:tls';

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
  /** Whom to trust: it speaks TLS. */
  readonly ca?: string | undefined;
  /** What to show there. */
  readonly clientCertificate?: { readonly key: string; readonly cert: string } | undefined;
}

/** The address in a `redis://` URL; what it leaves out is 127.0.0.1 and 6379. @throws TypeError when it is no URL. */
export function addressOf(url: string): Address {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, '') || '127.0.0.1', port: Number(port || 6379) };
}

/** What a server said to a `PING`; `silent` covers a refused connection, no answer within the time, and nonsense. */
export type Pulse = 'ready' | 'loading' | 'silent';

/**
 * Asks a Redis server once, over a connection of its own, whether it serves commands. A server that wants a password
 * first counts as ready. Never rejects.
 */
export async function pingRedis(address: Address, timeoutMs = 1000): Promise<Pulse> {
  const answer = await askRedis(address, 'PING\r\n', /\r\n/, timeoutMs);
  if (/^(\+PONG|-NOAUTH)/.test(answer)) return 'ready';
  return answer.startsWith('-LOADING') ? 'loading' : 'silent';
}

/** The process id that a Redis server says it has; undefined when it does not say. Never rejects. */
export async function redisProcessId(address: Address, password?: string): Promise<number | undefined> {
  const login = password ? `AUTH ${password}\r\n` : '';
  const answer = await askRedis(address, `${login}INFO server\r\n`, /process_id:\d+\r\n|^-/m);
  const id = /process_id:(\d+)/.exec(answer)?.[1];
  return id === undefined ? undefined : Number(id);
}

/** Sends inline commands and returns what came back until `complete` matched, the time was over or the server hung up. Never rejects. */
export function askRedis(
  { host, port, ca, clientCertificate }: Address,
  commands: string,
  complete: RegExp,
  timeoutMs = 1000,
): Promise<string> {
  return new Promise((resolve) => {
    const socket = ca === undefined ? connect({ host, port }) : connectByTls({ host, port, ca, ...clientCertificate });
    let answer = '';
    const settle = () => {
      socket.destroy();
      resolve(answer);
    };
    socket.setEncoding('latin1');
    socket.setTimeout(timeoutMs, settle);
    socket.once(ca === undefined ? 'connect' : 'secureConnect', () => socket.write(commands));
    socket.once('error', settle);
    socket.once('close', settle);
    socket.on('data', (text) => {
      answer += text;
      if (complete.test(answer)) settle();
    });
  });
}

/**
 * Resolves once the server is ready.
 * @param hasFailed asked between two attempts: true ends the waiting
 * @returns false when it has failed, or is not ready after `timeoutMs`
 */
export async function waitUntilReady(
  address: Address,
  timeoutMs: number,
  hasFailed: () => boolean = () => false,
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (!hasFailed() && Date.now() < deadline) {
    if ((await pingRedis(address)) === 'ready') return true;
    await wait(10);
  }
  return false;
}
