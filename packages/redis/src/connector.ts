import { connect, type TcpSocketConnectOpts } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import { readingWhole } from './whole-replies.js';

type Connected = ReturnType<AbstractConnector['connect']>;

/** Connects to one server as ioredis does by itself, and reads as whole-replies.ts says. */
export class Connector extends AbstractConnector {
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
    const onread = readingWhole(() => this.stream);
    this.stream = tls ? connectTls({ ...where, ...tls, onread } as ConnectionOptions) : connect({ ...where, onread });
    this.stream.once('error', (error) => {
      this.firstError = error;
    });
    return this.stream;
  }
}
