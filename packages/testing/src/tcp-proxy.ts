import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { type ConnectionFilter, type ConnectionInfo, ConnectionSetting, picks } from './connection-filter.js';
import { freePort } from './free-port.js';
import { type LostAnswer, ProxiedConnection, type ProxySettings } from './proxied-connection.js';
import { type Address, addressOf } from './redis-ping.js';

/** What a proxy stands in front of: a `redis://` URL (a `RedisServer` will do) or an address. */
export type ProxyOptions = { readonly url: string } | { readonly target: Address };

/** Recognises a chunk of bytes by a text in it, by an expression that its text (UTF-8) matches, or by any other test. */
export type ChunkMatch = string | RegExp | ((bytes: Buffer) => boolean);

/** What to swallow, see {@link TcpProxy.swallow}. */
export interface SwallowOptions {
  /** Default: `both` */
  readonly direction?: 'both' | 'toClient' | 'toServer';
  /** Default: every connection */
  readonly filter?: ConnectionFilter;
  /** Leaves connections alone that are opened later, as when a firewall has forgotten the old ones. Default: false */
  readonly existingOnly?: boolean;
}

/**
 * A TCP proxy on 127.0.0.1 that can misbehave like a network. Settings hold for the connections that are open and for
 * those that come, until they are set again; where several apply to a connection, the latest one counts.
 */
export class TcpProxy implements AsyncDisposable {
  readonly host = '127.0.0.1';
  readonly #open = new Set<ProxiedConnection>();
  readonly #armed = new Set<ArmedLoss>();
  readonly #settings: ProxySettings = {
    delayMs: new ConnectionSetting(0),
    bytesPerSecond: new ConnectionSetting(Number.POSITIVE_INFINITY),
    swallowsToServer: new ConnectionSetting(false),
    swallowsToClient: new ConnectionSetting(false),
    loseAnswerTo: (connection, chunk) => {
      const loss = [...this.#armed].find((armed) => armed.matches(connection, chunk));
      if (loss) this.#armed.delete(loss);
      return loss;
    },
  };
  readonly #server: Server;
  #accepted = 0;
  #isStopped = false;

  private constructor(
    private readonly target: Address,
    /** The URL it was given with the proxy's address in it; `redis://127.0.0.1:<port>` when it was given an address. */
    readonly url: string,
    readonly port: number,
  ) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#serve(client));
  }

  /** See {@link startProxy}. */
  static async start(options: ProxyOptions): Promise<TcpProxy> {
    for (let attempt = 1; ; attempt++) {
      const port = await freePort();
      const proxy =
        'url' in options
          ? new TcpProxy(addressOf(options.url), withPort(options.url, port), port)
          : new TcpProxy(options.target, `redis://127.0.0.1:${port}`, port);
      try {
        await proxy.accept();
        return proxy;
      } catch (error) {
        if (attempt === 10) throw error; // the port was free a moment ago, so another one will do
      }
    }
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#open.size;
  }

  /** The open connections, the oldest first. */
  list(): readonly ConnectionInfo[] {
    return [...this.#open];
  }

  /**
   * Breaks connections on both sides at once, with a TCP reset or, with `end`, by closing them. Bytes underway are lost.
   * New connections are accepted.
   * @returns how many it broke
   */
  cut(filter?: ConnectionFilter, how: 'reset' | 'end' = 'reset'): number {
    const picked = [...this.#open].filter((connection) => picks(filter, connection));
    for (const connection of picked) connection.cut(how);
    return picked.length;
  }

  /**
   * Redis has executed it, the answer is lost: the next chunk from a client that matches goes to the server, nothing
   * comes back any more, and once the server has answered the requests up to that chunk the connection is reset. Works
   * once. A chunk is what arrives at once: mostly one command, or several that were pipelined; of a command of many
   * kilobytes a part.
   * @returns a promise that settles when it has happened; rejects when the connection breaks before the server has
   * answered, or the proxy is stopped. Nobody has to wait for it.
   */
  cutAfterRequest(match: ChunkMatch, filter?: ConnectionFilter): Promise<void> {
    const lost = new Promise<void>((happened, failed) => {
      if (this.#isStopped) return failed(new Error('the proxy has been stopped'));
      const matches: ArmedLoss['matches'] = (connection, chunk) => picks(filter, connection) && includes(chunk, match);
      this.#armed.add({ matches, happened, failed });
    });
    lost.catch(() => undefined); // who does not wait for it wants no unhandled rejection either
    return lost;
  }

  /** Stops listening, so that new connections get ECONNREFUSED, and resets the open ones. Does nothing the second time. */
  async refuse(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }

  /**
   * Listens again, on the same port. Does nothing when it listens.
   * @throws Error when the proxy has been stopped, or something else listens on the port by now.
   */
  async accept(): Promise<void> {
    if (this.#isStopped) throw new Error('the proxy has been stopped');
    if (this.#server.listening) return;
    this.#server.listen(this.port, this.host);
    await once(this.#server, 'listening'); // rejects at 'error'
  }

  /** Holds each chunk for so long, in both directions, in order. `0` turns it off and lets go of what is held. */
  delay(ms: number, filter?: ConnectionFilter): void {
    this.#settings.delayMs.set(ms, filter);
    this.#adjust();
  }

  /**
   * Lets bytes vanish, and the ends of connections too, while the sockets stay open: a half-open connection. What has
   * vanished stays lost when it is turned off again; when one side has gone meanwhile, the other one notices then.
   * @param on default: true
   */
  swallow(on = true, { direction = 'both', filter, existingOnly = false }: SwallowOptions = {}): void {
    const among = existingOnly ? new Set<ConnectionInfo>(this.#open) : undefined;
    if (direction !== 'toClient') this.#settings.swallowsToServer.set(on, filter, among);
    if (direction !== 'toServer') this.#settings.swallowsToClient.set(on, filter, among);
    this.#adjust();
  }

  /**
   * Reads from the server only so fast, as a slow client does, so that output piles up there once the operating system's
   * buffers (some megabytes) are full. `0` reads nothing, `Infinity` turns it off.
   */
  slowReading(bytesPerSecond: number, filter?: ConnectionFilter): void {
    this.#settings.bytesPerSecond.set(bytesPerSecond, filter);
    this.#adjust();
  }

  /** Resets all connections and stops listening for good. Does nothing the second time. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const { failed } of this.#armed) failed(new Error('the proxy was stopped before the request came'));
    this.#armed.clear();
    await this.refuse();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #serve(client: Socket): void {
    if (!this.#server.listening) {
      client.resetAndDestroy(); // it was underway when refuse() was called
      return;
    }
    const forget = (closed: ProxiedConnection) => this.#open.delete(closed);
    this.#open.add(new ProxiedConnection(++this.#accepted, client, this.target, this.#settings, forget));
  }

  #adjust(): void {
    for (const connection of [...this.#open]) connection.adjust();
  }
}

/**
 * Starts a proxy on a free port of 127.0.0.1. Clients of a server that is down see a reset right after they connected.
 * ```ts
 * await using proxy = await startProxy({ url: redis.url });
 * ```
 */
export function startProxy(options: ProxyOptions): Promise<TcpProxy> {
  return TcpProxy.start(options);
}

interface ArmedLoss extends LostAnswer {
  matches(connection: ConnectionInfo, chunk: Buffer): boolean;
}

function includes(chunk: Buffer, match: ChunkMatch): boolean {
  if (typeof match === 'function') return match(chunk);
  return typeof match === 'string' ? chunk.includes(match) : chunk.toString().search(match) >= 0;
}

function withPort(url: string, port: number): string {
  const proxied = new URL(url);
  proxied.hostname = '127.0.0.1';
  proxied.port = String(port);
  return proxied.href;
}
