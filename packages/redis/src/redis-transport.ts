import { BelfryError } from '@belfry/contracts';
import type {
  Deliver,
  OutgoingEvent,
  Receipt,
  Source,
  Transport,
  TransportFactory,
  TransportHost,
  TransportSubscription,
} from '@belfry/core';
import { Connection } from './connection.js';
import { eachInFrame } from './frame.js';
import { Heartbeat } from './heartbeat.js';
import { type Hear, Listener, type ListenKind } from './listener.js';
import { Membership } from './membership.js';
import { broadcastChannel, broadcastGlob, channelOfBroadcast, inboxChannel } from './names.js';
import { type RedisTransportOptions, type ResolvedRedisOptions, resolveRedisOptions } from './options.js';
import { Outbox } from './outbox.js';
import { loadScripts } from './scripts.js';

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

const STALE_AFTER_BEATS = 3;
/** For so long close() waits for publishes that Redis has not answered. */
const FAREWELL_MS = 2000;

class RedisTransport implements Transport {
  readonly unsupported = {
    'durable events': 'This release carries transient events only; leave the guarantee out of the contract for now.',
  };
  readonly #instance: string;
  readonly #commands: Connection;
  readonly #listener: Listener;
  readonly #outbox: Outbox;
  readonly #membership: Membership;
  readonly #heartbeat: Heartbeat;
  #closed = false;

  constructor({ connect, address, patience, subscribePatience, heartbeat }: ResolvedRedisOptions, host: TransportHost) {
    const { instance, service, logger, clock } = host;
    this.#instance = instance;
    const name = (role: string) => `belfry:${service}:${instance}:${role}`;
    this.#commands = new Connection({
      role: 'commands',
      create: () => connect(name('commands')),
      prepare: loadScripts,
      onUp: () => {
        this.#heartbeat.forgive();
        this.#outbox.connected();
        void this.#membership.stampAll();
      },
      onDown: () => this.#outbox.disconnected(),
      logger,
      clock,
    });
    this.#outbox = new Outbox({ connection: this.#commands, address, patience, clock });
    this.#membership = new Membership({
      connection: this.#commands,
      instance,
      address,
      patience: subscribePatience,
      staleAfter: STALE_AFTER_BEATS * heartbeat,
      logger,
      clock,
    });
    this.#listener = new Listener({
      create: () => connect(name('subscriber')),
      address,
      patience: subscribePatience,
      onUp: () => {
        this.#heartbeat.forgive();
        void this.#membership.stampAll();
      },
      logger,
      clock,
    });
    this.#heartbeat = new Heartbeat({
      commands: this.#commands,
      listener: this.#listener,
      membership: this.#membership,
      instance,
      interval: heartbeat,
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

  async subscribe(source: Source, deliver: Deliver): Promise<TransportSubscription> {
    if (this.#closed) throw closed();
    const { kind, name, hear } = this.#listening(source, deliver);
    await Promise.all([this.#heartbeat.listen(), this.#listener.listen(kind, name, hear)]);
    if (source.kind === 'group') {
      try {
        await this.#membership.join(source.channel, source.group);
      } catch (error) {
        await this.#listener.stop(kind, name, hear);
        throw error;
      }
    }
    return {
      end: async () => {
        if (source.kind === 'group') await this.#membership.leave(source.channel, source.group);
        await this.#listener.stop(kind, name, hear);
      },
    };
  }

  audience(channel: string): Promise<Receipt> {
    if (this.#closed) return Promise.reject(closed());
    return this.#membership.audience(channel);
  }

  bareAudience(channel: string): Promise<number> {
    if (this.#closed) return Promise.reject(closed());
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

  /** Which Redis channel a source is, and what is done with what comes on it. */
  #listening(source: Source, deliver: Deliver): { kind: ListenKind; name: string; hear: Hear } {
    switch (source.kind) {
      case 'group': {
        const { channel, group } = source;
        const hear: Hear = (message) => eachInFrame(message, (body) => deliver(body, channel));
        return { kind: 'sharded', name: inboxChannel(channel, group, this.#instance), hear };
      }
      case 'broadcast': {
        const { channel } = source;
        const hear: Hear = (message) => eachInFrame(message, (body) => deliver(body, channel));
        return { kind: 'classic', name: broadcastChannel(channel), hear };
      }
      case 'pattern': {
        const hear: Hear = (message, name) => {
          const channel = channelOfBroadcast(name);
          eachInFrame(message, (body) => deliver(body, channel));
        };
        return { kind: 'glob', name: broadcastGlob(source.pattern), hear };
      }
      case 'bare':
        return { kind: 'classic', name: source.channel, hear: deliver };
    }
  }
}

const closed = (): BelfryError => new BelfryError('BUS_CLOSED', { message: 'the Redis transport is closed.' });
