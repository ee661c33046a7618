import { connect, type TcpSocketConnectOpts } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { AbstractConnector, type Redis, type RedisOptions } from 'ioredis';
import { type HearMessage, ReplyReader } from './reply-reader.js';

type Connected = ReturnType<AbstractConnector['connect']>;

/** Connects to one server as ioredis does by itself, and reads as reply-reader.ts says. */
export class Connector extends AbstractConnector {
  readonly reader = new ReplyReader();
  readonly #options: RedisOptions;

  /** @param given options of ioredis */
  constructor(given: unknown) {
    const options = given as RedisOptions;
    super(options.disconnectTimeout!);
    this.#options = options;
  }

  override async connect(): Connected {
    const { path, host, port, family, tls } = this.#options;
    this.connecting = true;
    await Promise.resolve(); // who has asked for it may end it at once
    if (!this.connecting) throw new Error('Connection is closed.');
    // ioredis has a host and a port for a path, too.
    const where = (path ? { path } : { host, port, family }) as TcpSocketConnectOpts;
    const onread = this.reader.reading(() => this.stream);
    this.stream = tls ? connectTls({ ...where, ...tls, onread } as ConnectionOptions) : connect({ ...where, onread });
    this.stream.once('error', (error) => {
      this.firstError = error;
    });
    return this.stream;
  }
}

/** Lets the messages of a client that only listens be heard at once. False: its socket is read by somebody else. */
export function hearAtOnce(client: Redis, hear: HearMessage): boolean {
  const { reader } = (client as unknown as { connector: { reader?: unknown } }).connector;
  if (!(reader instanceof ReplyReader)) return false;
  reader.hear = hear;
  return true;
}
