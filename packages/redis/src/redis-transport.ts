import { BelfryError } from '@belfry/contracts';
import type {
  Deliver,
  HistoryPart,
  Origin,
  OutgoingEvent,
  OutgoingRequest,
  Receipt,
  Source,
  Transport,
  TransportFactory,
  TransportHost,
  TransportSubscription,
  Usage,
} from '@belfry/core';
import { isRefusal, refused } from './failure.js';
import { eachInFrame } from './frame.js';
import type { Hear, Listening, ListenKind } from './listener.js';
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
import { RedisDurability } from './redis-durability.js';
import { RightsCheck } from './rights-check.js';
import { historyScript, runScript } from './scripts.js';
import type { Standing } from './switchboard.js';
import { Wiring } from './wiring.js';

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

const NO_PATTERNS =
  'On a Redis Cluster each event has a sharded channel of its own, and Redis knows no patterns of those. Subscribe to a list of contracts instead: subscribe([OrderPlaced, OrderPaid], …).';
/** So much of a history is read at a time, in bytes. */
const HISTORY_PART = '1048576';
/** For so long close() waits for publishes that Redis has not answered. */
const FAREWELL_MS = 2000;

class RedisTransport implements Transport {
  readonly unsupported: Transport['unsupported'];
  readonly durable: RedisDurability;
  readonly #instance: string;
  readonly #address: string;
  readonly #patience: number;
  readonly #wiring: Wiring;
  readonly #rights: RightsCheck;
  #closed = false;

  constructor(options: ResolvedRedisOptions, host: TransportHost) {
    const { address, patience, subscribePatience, cluster } = options;
    this.#instance = host.instance;
    this.#address = address;
    this.#patience = subscribePatience;
    this.unsupported = cluster === undefined ? {} : { patterns: NO_PATTERNS };
    this.#wiring = new Wiring(options, host);
    this.#rights = new RightsCheck(options, host);
    const { route, outbox } = this.#wiring;
    const begin = () => this.#begin();
    this.durable = new RedisDurability({ route, outbox, address, patience, subscribePatience, begin });
  }

  async open(usages: readonly Usage[]): Promise<void> {
    if (this.#closed) throw closed();
    await this.#rights.demand(usages);
  }

  publish(event: OutgoingEvent): Promise<Receipt> {
    if (this.#closed) return Promise.reject(closed());
    this.#wiring.begin();
    if (event.public) this.#wiring.tellOfPublicChannels();
    return this.#wiring.outbox.publish(event);
  }

  publishBare(channel: string, payload: string): Promise<number> {
    if (this.#closed) return Promise.reject(closed());
    this.#wiring.begin();
    return this.#wiring.outbox.publishBare(channel, payload);
  }

  ask(request: OutgoingRequest): void {
    if (this.#closed) {
      request.failed(closed());
      return;
    }
    this.#wiring.begin();
    this.#wiring.outbox.ask(request);
  }

  send(address: string, body: string): Promise<boolean> {
    if (this.#closed) return Promise.reject(closed());
    this.#wiring.begin();
    return this.#wiring.outbox.send({ address, body });
  }

  async listening(addresses: readonly string[]): Promise<ReadonlySet<string>> {
    this.#begin();
    return this.#wiring.membership.listening(addresses);
  }

  get resumedAt(): number {
    return this.#wiring.link.resumedAt;
  }

  async subscribe(source: Source, deliver: Deliver): Promise<TransportSubscription> {
    this.#begin();
    const { switchboard, membership } = this.#wiring;
    const { listening, hear } = this.#listening(source, deliver);
    const standing = await switchboard.listen(listening, hear);
    if (source.kind === 'broadcast')
      return { end: await this.#readFrames(source.channel, listening.kind, hear, standing) };
    if (source.kind !== 'group') return standing;
    const { channel, group } = source;
    try {
      await membership.join(channel, group);
    } catch (error) {
      await standing.end();
      throw error;
    }
    return {
      end: async () => {
        await membership.leave(channel, group);
        await standing.end();
      },
      stepAside: (aside) => membership.stepAside(channel, group, aside),
    };
  }

  async history(channel: string, after: string | undefined, count: number): Promise<HistoryPart> {
    this.#begin();
    const what = `reading the history of ${channel}`;
    const reading = this.#wiring.route.insist(channel, what, this.#patience, (client) =>
      runScript(client, historyScript, [historyKey(channel)], [after ?? '', String(count), HISTORY_PART]),
    );
    const reply = await reading.catch((error: unknown) => {
      throw isRefusal(error) ? refused('SUBSCRIBE_REFUSED', what, this.#address, error) : error;
    });
    const [last, entries] = reply as [string, [cursor: string, body: string][]];
    return { last: last === '' ? undefined : last, entries: entries.map(([cursor, body]) => ({ cursor, body })) };
  }

  async audience(channel: string): Promise<Receipt> {
    this.#begin();
    return this.#wiring.membership.audience(channel);
  }

  async bareAudience(channel: string): Promise<number> {
    this.#begin();
    return this.#wiring.membership.bareAudience(channel);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#rights.close(closed());
    const { outbox, switchboard, topology } = this.#wiring;
    await outbox.settled(FAREWELL_MS);
    switchboard.close();
    await topology.close();
    outbox.close();
  }

  /** @throws BelfryError `BUS_CLOSED` */
  #begin(): void {
    if (this.#closed) throw closed();
    this.#wiring.begin();
  }

  /** Says, from after a broadcast subscription has begun until before it ends, that it reads frames of version 2. */
  async #readFrames(channel: string, kind: ListenKind, hear: Hear, standing: Standing): Promise<() => Promise<void>> {
    const { switchboard } = this.#wiring;
    const listening = { kind, name: frameReadersChannel(channel), title: channel };
    try {
      const saying = await switchboard.listen(listening, hear);
      return async () => {
        await saying.end();
        await standing.end();
      };
    } catch (error) {
      await standing.end();
      throw error;
    }
  }

  /** Which Redis channel a source is, and what is done with what comes on it. */
  #listening(source: Source, deliver: Deliver): { listening: Listening; hear: Hear } {
    switch (source.kind) {
      case 'group': {
        const { channel, group } = source;
        const hear = hearFrames({ channel }, deliver, true);
        const name = inboxChannel(channel, group, this.#instance);
        return { listening: { kind: 'sharded', name, title: `${channel}, group ${group}` }, hear };
      }
      case 'broadcast': {
        const { channel } = source;
        const hear = hearFrames({ channel }, deliver);
        const kind = this.#wiring.topology.isCluster ? 'sharded' : 'classic';
        return { listening: { kind, name: broadcastChannel(channel), title: channel }, hear };
      }
      case 'pattern': {
        const hear: Hear = (message, name) => eachInFrame(message, { channel: channelOfBroadcast(name) }, deliver);
        return { listening: { kind: 'glob', name: broadcastGlob(source.pattern), title: source.pattern }, hear };
      }
      case 'inbox': {
        const { address } = source;
        const hear = hearFrames({ channel: address }, deliver);
        return { listening: { kind: 'sharded', name: mailChannel(address), title: `the inbox of ${address}` }, hear };
      }
      case 'bare': {
        const { channel } = source;
        const from = { channel };
        return {
          listening: { kind: 'classic', name: channel, title: channel },
          hear: (message) => deliver(message, from),
        };
      }
    }
  }
}

/** Hears what always comes in the same channel. */
const hearFrames =
  (from: Origin, deliver: Deliver, isGroup?: boolean): Hear =>
  (message) =>
    eachInFrame(message, from, deliver, isGroup);

const closed = (): BelfryError => new BelfryError('BUS_CLOSED', { message: 'the Redis transport is closed.' });
