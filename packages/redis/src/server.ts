import type { Clock, Logger } from '@belfry/core';
import type { Redis } from 'ioredis';
import { Connection } from './connection.js';
import { FlushWatch } from './flush-watch.js';
import { Heartbeat } from './heartbeat.js';
import type { Link } from './link.js';
import { Listener } from './listener.js';
import { loadScripts } from './scripts.js';
import { Sender, type SenderOptions } from './sender.js';

/** Where a server is. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ServerOptions {
  /** For logs and messages. */
  readonly address: string;
  /** Makes a client that connects once. */
  readonly connect: (role: 'commands' | 'subscriber') => Redis;
  /** Is given each new command connection. */
  readonly attend: (client: Redis) => Promise<void>;
  readonly sending: Pick<SenderOptions, 'line' | 'slotOf' | 'resend' | 'settled'>;
  /** It has refused something that belongs to this slot. Whether that may be tried again: see `Topology`. */
  readonly refused: (server: Server, slot: number, refusal: Error) => boolean;
  /** It serves something no more to which this instance listens here. */
  readonly moved: (server: Server) => void;
  /** A sharded channel that it serves, on which this instance hears itself. */
  readonly probe: (server: Server) => string;
  /** Stamps the places that it keeps. Resolves once that is done, or has failed. */
  readonly stamp: (server: Server) => Promise<void>;
  /** It has been emptied. */
  readonly flushed: (server: Server) => void;
  readonly link: Link;
  readonly instance: string;
  /** How long a subscription waits for a connection, in milliseconds. */
  readonly patience: number;
  readonly heartbeat: number;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** What an instance has with one Redis server: two connections, what goes out on the one, what is heard on the other, and the probe between them. */
export class Server {
  readonly address: string;
  readonly commands: Connection;
  readonly sender: Sender;
  readonly listener: Listener;
  readonly heartbeat: Heartbeat;
  readonly #link: Link;
  readonly #stamp: () => Promise<void>;
  /** The subscriber connection is back, and its places could not be taken, because the other one was away. */
  #owesStamps = false;

  constructor(options: ServerOptions) {
    const { address, connect, attend, sending, refused, link, instance, patience, heartbeat, logger, clock } = options;
    this.address = address;
    this.#link = link;
    this.#stamp = () => options.stamp(this);
    this.commands = new Connection({
      role: 'commands',
      address,
      create: () => connect('commands'),
      prepare: async (client) => {
        await loadScripts(client);
        await attend(client);
      },
      onUp: () => {
        this.sender.connected();
        this.heartbeat.forgiveCommands();
        // A subscriber connection that is older has to show first, by the probe, that it lives.
        void this.#isBack('commands', this.commands, this.#owesStamps && this.listener.connection.client !== undefined);
        this.listener.connection.hurry();
      },
      onDown: (reason) => {
        this.sender.disconnected();
        link.down(this.#role('commands'), reason);
      },
      onReplica: (reason) => this.listener.connection.drop(reason), // it cannot notice by itself
      logger,
      clock,
    });
    this.sender = new Sender({
      ...sending,
      connection: this.commands,
      address,
      isAstray: (batch, refusal) => refused(this, sending.slotOf(batch), refusal),
    });
    const watch = new FlushWatch({ instance, flushed: () => options.flushed(this), clock });
    this.listener = new Listener({
      create: () => connect('subscriber'),
      address,
      patience,
      attend: (client) => watch.begin(client),
      moved: () => options.moved(this),
      onUp: () => {
        this.heartbeat.forgiveSubscriber();
        void this.#isBack('subscriber', this.listener.connection, true);
        this.commands.hurry();
      },
      onDown: (reason) => link.down(this.#role('subscriber'), reason),
      lacking: (reason) => {
        if (reason === undefined) link.allowed(this.#role('subscriptions'));
        else link.refused(this.#role('subscriptions'), reason);
      },
      regained: () => this.#stamp(),
      logger,
      clock,
    });
    this.heartbeat = new Heartbeat({
      commands: this.commands,
      listener: this.listener,
      probe: () => options.probe(this),
      stamp: () => void this.#stamp(),
      interval: heartbeat,
      patience,
      clock,
    });
  }

  /** One of its connections is wanted, and not there. */
  get isAway(): boolean {
    return this.commands.isAway || this.listener.connection.isAway;
  }

  /** Ends its connections for good. What waits stays with its sender. */
  async disconnect(): Promise<void> {
    this.heartbeat.stop();
    await Promise.all([this.commands.close(), this.listener.connection.close()]);
    await new Promise((resolve) => setImmediate(resolve)); // what was unanswered has failed by then
    this.#link.gone(this.#role('commands'));
    this.#link.gone(this.#role('subscriber'));
    this.#link.allowed(this.#role('subscriptions'));
  }

  /** The same, and gives up what waits. */
  async close(): Promise<void> {
    await this.disconnect();
    this.sender.close();
  }

  /** Whoever is told that all is well again may publish at once, and be heard: places come first. */
  async #isBack(role: string, connection: Connection, takesPlaces: boolean): Promise<void> {
    const { client } = connection;
    if (takesPlaces) {
      const by = this.commands.client;
      await this.#stamp();
      this.#owesStamps = by === undefined || by !== this.commands.client;
    }
    if (connection.client === client) this.#link.up(this.#role(role)); // else it is gone again
  }

  #role(connection: string): string {
    return `${this.address} ${connection}`;
  }
}
