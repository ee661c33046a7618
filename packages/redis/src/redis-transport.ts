import { BelfryError } from '@belfry/contracts';
import type {
  Deliver,
  HistoryPart,
  Logger,
  OutgoingEvent,
  OutgoingRequest,
  Receipt,
  Source,
  Transport,
  TransportFactory,
  TransportHost,
  TransportSubscription,
} from '@belfry/core';
import type { Redis } from 'ioredis';
import { Connection } from './connection.js';
import { evictionPolicy } from './eviction.js';
import { isRefusal, refused } from './failure.js';
import { eachInFrame } from './frame.js';
import { FlushWatch } from './flush-watch.js';
import { Heartbeat } from './heartbeat.js';
import { Link } from './link.js';
import { type Hear, Listener, type Listening } from './listener.js';
import { Membership } from './membership.js';
import {
  broadcastChannel,
  broadcastGlob,
  channelOfBroadcast,
  frameReadersChannel,
  historyKey,
  inboxChannel,
  mailChannel,
} from './names.js';
import { type RedisTransportOptions, type ResolvedRedisOptions, resolveRedisOptions } from './options.js';
import { Outbox } from './outbox.js';
import { RedisDurability } from './redis-durability.js';
import { historyScript, loadScripts, runScript } from './scripts.js';

/**
 * The Redis transport: groups, broadcast, patterns and bare channels on Redis Pub/Sub, over two connections. Redis 7.0 or later.
 * ```ts
 * const bus = createBus({ name: 'billing', transport: redisTransport({ url: 'redis://127.0.0.1:6379' }) });
 * ```
 * @throws BelfryError `OPTION_INVALID`, listing every mistake
 */
export function redisTransport(options: RedisTransportOptions): TransportFactory {
  const resolved = resolveRedisOptions(options);
  return (host) => new RedisTransport(resolved, host);
}

/** A place is removed by others when its stamp is so old, in heartbeats: with the time until the next of them looks, less than three. */
const STALE_AFTER = 1.8;
/** So much of a history is read at a time, in bytes. */
const HISTORY_PART = '1048576';
/** For so long close() waits for publishes that Redis has not answered. */
const FAREWELL_MS = 2000;

class RedisTransport implements Transport {
  readonly unsupported = {};
  readonly durable: RedisDurability;
  readonly #instance: string;
  readonly #address: string;
  readonly #patience: number;
  readonly #commands: Connection;
  readonly #listener: Listener;
  readonly #outbox: Outbox;
  readonly #membership: Membership;
  readonly #heartbeat: Heartbeat;
  readonly #logger: Logger;
  #warnedOfEviction = false;
  #closed = false;

  constructor({ connect, address, patience, subscribePatience, heartbeat }: ResolvedRedisOptions, host: TransportHost) {
    const { instance, service, logger, clock, tell = () => {} } = host;
    const link = new Link({ tell, clock });
    this.#instance = instance;
    this.#address = address;
    this.#patience = subscribePatience;
    this.#logger = logger;
    const name = (role: string) => `belfry:${service}:${instance}:${role}`;
    this.#commands = new Connection({
      role: 'commands',
      address,
      create: () => connect(name('commands')),
      prepare: async (client) => {
        await loadScripts(client);
        await this.#warnOfEviction(client);
      },
      onUp: () => {
        this.#outbox.connected();
        this.#heartbeat.forgiveCommands();
        link.up('commands');
        this.#listener.connection.hurry();
      },
      onDown: (reason) => {
        this.#outbox.disconnected();
        link.down('commands', reason);
      },
      logger,
      clock,
    });
    this.#outbox = new Outbox({ connection: this.#commands, address, patience, instance, logger, clock });
    this.durable = new RedisDurability({
      connection: this.#commands,
      outbox: this.#outbox,
      address,
      patience,
      subscribePatience,
      begin: () => {
        if (this.#closed) throw closed();
        this.#heartbeat.start();
      },
    });
    this.#membership = new Membership({
      connection: this.#commands,
      instance,
      address,
      patience: subscribePatience,
      staleAfter: STALE_AFTER * heartbeat,
      logger,
      clock,
    });
    const flushed = () => {
      void this.#membership.stampAll();
      tell({ what: 'emptied' });
    };
    const watch = new FlushWatch({ instance, flushed, clock });
    this.#listener = new Listener({
      create: () => connect(name('subscriber')),
      address,
      patience: subscribePatience,
      attend: (client) => watch.begin(client),
      onUp: () => {
        this.#heartbeat.forgiveSubscriber();
        void this.#membership.stampAll();
        link.up('subscriber');
        this.#commands.hurry();
      },
      onDown: (reason) => link.down('subscriber', reason),
      logger,
      clock,
    });
    this.#heartbeat = new Heartbeat({
      commands: this.#commands,
      listener: this.#listener,
      membership: this.#membership,
      instance,
      interval: heartbeat,
      patience: subscribePatience,
      clock,
    });
  }

  publish(event: OutgoingEvent): Promise<Receipt> {
    if (this.#closed) return Promise.reject(closed());
    this.#heartbeat.start();
    return this.#outbox.publish(event);
  }

  publishBare(channel: string, payload: string): Promise<number> {
    if (this.#closed) return Promise.reject(closed());
    this.#heartbeat.start();
    return this.#outbox.publishBare(channel, payload);
  }

  ask(request: OutgoingRequest): void {
    if (this.#closed) {
      request.failed(closed());
      return;
    }
    this.#heartbeat.start();
    this.#outbox.ask(request);
  }

  send(address: string, body: string): Promise<boolean> {
    if (this.#closed) return Promise.reject(closed());
    this.#heartbeat.start();
    return this.#outbox.send({ address, body });
  }

  listening(addresses: readonly string[]): Promise<ReadonlySet<string>> {
    if (this.#closed) return Promise.reject(closed());
    this.#heartbeat.start();
    return this.#membership.listening(addresses);
  }

  get resumedAt(): number {
    return Math.max(this.#commands.resumedAt, this.#listener.connection.resumedAt);
  }

  async subscribe(source: Source, deliver: Deliver): Promise<TransportSubscription> {
    if (this.#closed) throw closed();
    const { listening, hear } = this.#listening(source, deliver);
    const [probed, listened] = await Promise.allSettled([
      this.#heartbeat.listen(),
      this.#listener.listen(listening, hear),
    ]);
    if (listened.status === 'rejected') throw listened.reason;
    if (probed.status === 'rejected') {
      await this.#listener.stop(listening, hear);
      throw probed.reason;
    }
    if (source.kind === 'group') {
      try {
        await this.#membership.join(source.channel, source.group);
      } catch (error) {
        await this.#listener.stop(listening, hear);
        throw error;
      }
    }
    const end = () => this.#listener.stop(listening, hear);
    if (source.kind === 'broadcast') return { end: await this.#readFrames(source.channel, hear, end) };
    if (source.kind !== 'group') return { end };
    const { channel, group } = source;
    return {
      end: async () => {
        await this.#membership.leave(channel, group);
        await end();
      },
      stepAside: (aside) => this.#membership.stepAside(channel, group, aside),
    };
  }

  async history(channel: string, after: string | undefined, count: number): Promise<HistoryPart> {
    if (this.#closed) throw closed();
    this.#heartbeat.start();
    const what = `reading the history of ${channel}`;
    const reading = this.#commands.insist(what, this.#patience, (client) =>
      runScript(client, historyScript, [historyKey(channel)], [after ?? '', String(count), HISTORY_PART]),
    );
    const reply = await reading.catch((error: unknown) => {
      throw isRefusal(error) ? refused('SUBSCRIBE_REFUSED', what, this.#address, error) : error;
    });
    const [last, entries] = reply as [string, [cursor: string, body: string][]];
    return { last: last === '' ? undefined : last, entries: entries.map(([cursor, body]) => ({ cursor, body })) };
  }

  audience(channel: string): Promise<Receipt> {
    if (this.#closed) return Promise.reject(closed());
    this.#heartbeat.start();
    return this.#membership.audience(channel);
  }

  bareAudience(channel: string): Promise<number> {
    if (this.#closed) return Promise.reject(closed());
    this.#heartbeat.start();
    return this.#membership.bareAudience(channel);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#outbox.settled(FAREWELL_MS);
    this.#heartbeat.stop();
    await Promise.all([this.#commands.close(), this.#listener.connection.close()]);
    this.#outbox.close();
  }

  async #warnOfEviction(client: Redis): Promise<void> {
    const policy = await evictionPolicy(client);
    if (policy === undefined || this.#warnedOfEviction) return;
    this.#warnedOfEviction = true;
    this.#logger.warn(
      { policy },
      'This Redis evicts keys when its memory is full: groups may miss events for seconds. Set maxmemory-policy to noeviction.',
    );
  }

  /** Says, from after a broadcast subscription has begun until before it ends, that it reads frames of version 2. */
  async #readFrames(channel: string, hear: Hear, end: () => Promise<void>): Promise<() => Promise<void>> {
    const saying: Listening = { kind: 'classic', name: frameReadersChannel(channel), title: channel };
    try {
      await this.#listener.listen(saying, hear);
    } catch (error) {
      await end();
      throw error;
    }
    return async () => {
      await this.#listener.stop(saying, hear);
      await end();
    };
  }

  /** Which Redis channel a source is, and what is done with what comes on it. */
  #listening(source: Source, deliver: Deliver): { listening: Listening; hear: Hear } {
    switch (source.kind) {
      case 'group': {
        const { channel, group } = source;
        const hear: Hear = (message) => eachInFrame(message, channel, deliver, true);
        const name = inboxChannel(channel, group, this.#instance);
        return { listening: { kind: 'sharded', name, title: `${channel}, group ${group}` }, hear };
      }
      case 'broadcast': {
        const { channel } = source;
        const hear: Hear = (message) => eachInFrame(message, channel, deliver);
        return { listening: { kind: 'classic', name: broadcastChannel(channel), title: channel }, hear };
      }
      case 'pattern': {
        const hear: Hear = (message, name) => eachInFrame(message, channelOfBroadcast(name), deliver);
        return { listening: { kind: 'glob', name: broadcastGlob(source.pattern), title: source.pattern }, hear };
      }
      case 'inbox': {
        const { address } = source;
        const hear: Hear = (message) => eachInFrame(message, address, deliver);
        return { listening: { kind: 'sharded', name: mailChannel(address), title: `the inbox of ${address}` }, hear };
      }
      case 'bare':
        return {
          listening: { kind: 'classic', name: source.channel, title: source.channel },
          hear: (message, channel) => deliver(message, { channel }),
        };
    }
  }
}

const closed = (): BelfryError => new BelfryError('BUS_CLOSED', { message: 'the Redis transport is closed.' });
