import { BelfryError } from '@belfry/contracts';
import { type Clock, type Logger, settlesWithin } from '@belfry/core';
import type { Redis } from 'ioredis';
import { Connection } from './connection.js';
import { hearAtOnce } from './connector.js';
import type { HearMessage } from './reply-reader.js';
import { isMisdirected, isRefusal, refused } from './failure.js';

/** `sharded`: an inbox. `classic`: broadcast frames, and bare channels. `glob`: broadcast frames of many channels. */
export type ListenKind = 'sharded' | 'classic' | 'glob';

/** What to listen to. */
export interface Listening {
  readonly kind: ListenKind;
  /** The Redis channel, or the glob. */
  readonly name: string;
  /** For people. */
  readonly title: string;
}

/** Takes one Pub/Sub message. */
export type Hear = (message: string, channel: string) => void;

export interface ListenerOptions {
  readonly create: () => Redis;
  readonly address: string;
  /** How long a subscription waits for a connection, in milliseconds. */
  readonly patience: number;
  /** Is given each new connection when it begins to listen. */
  readonly attend: (client: Redis) => Promise<void>;
  /** Redis has ended a subscription, or refused one, because another server serves it: it belongs there. */
  readonly moved: () => void;
  /** A new connection has every subscription again, each confirmed. */
  readonly onUp: () => void;
  readonly onDown: (reason: string | undefined) => void;
  /** On a new connection Redis refuses what it had confirmed before, and why; `undefined`: everything stands. */
  readonly lacking: (reason: string | undefined) => void;
  /** Some of that stands again. */
  readonly regained: () => Promise<void>;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** One Redis subscription, shared by everybody in this instance who wants it. */
interface Ear extends Listening {
  readonly hears: Set<Hear>;
  /** Settles when Redis has confirmed it on the connection of the moment, or has refused it. */
  confirmed: Promise<void>;
  /** It has been confirmed, on this connection or an earlier one. */
  wasConfirmed: boolean;
}

const earsByName = (): Record<ListenKind, Map<string, Ear>> => ({
  sharded: new Map(),
  classic: new Map(),
  glob: new Map(),
});

const KINDS: Readonly<Record<string, ListenKind>> = { smessage: 'sharded', message: 'classic', pmessage: 'glob' };
const subscribeCommand = { sharded: 'ssubscribe', classic: 'subscribe', glob: 'psubscribe' } as const;
const unsubscribeCommand = { sharded: 'sunsubscribe', classic: 'unsubscribe', glob: 'punsubscribe' } as const;

/** The subscriber connection: it knows what this instance listens to, and makes every new connection listen to all of it. */
export class Listener {
  readonly connection: Connection;
  readonly #options: ListenerOptions;
  readonly #ears = earsByName();
  /** Ears that are being unsubscribed: what is still under way to them is heard. */
  readonly #leaving = earsByName();
  /** The client that listens, also while its earlier subscriptions are being confirmed. */
  #current: Redis | undefined;
  /** Stood on an earlier connection, and were refused on this one. */
  readonly #refused = new Set<Ear>();
  /** The client that is being asked again for these. */
  #retrying: Redis | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
    const { create, attend, logger, clock, onUp, onDown } = options;
    this.connection = new Connection({
      role: 'subscriber',
      address: options.address,
      create: () => this.#attend(create()),
      prepare: async (client) => {
        await attend(client); // first: a client that has subscribed to anything may not ask for anything else
        await this.#listenAgain(client);
      },
      onUp,
      onDown,
      logger,
      clock,
    });
  }

  /**
   * Listens. Resolves once Redis has confirmed it.
   * @throws BelfryError `TRANSPORT_UNAVAILABLE`, `SUBSCRIBE_REFUSED`; Redis's own answer where another server serves it
   */
  async listen({ kind, name, title }: Listening, hear: Hear): Promise<void> {
    const ears = this.#ears[kind];
    let ear = ears.get(name);
    if (ear === undefined) {
      ear = { kind, name, title, hears: new Set(), confirmed: Promise.resolve(), wasConfirmed: false };
      ears.set(name, ear);
      if (this.#current !== undefined) this.#ask(this.#current, ear);
    }
    ear.hears.add(hear);
    try {
      await this.#confirmation(ear);
    } catch (error) {
      ear.hears.delete(hear);
      if (ear.hears.size === 0 && ears.get(name) === ear) {
        ears.delete(name);
        this.#current?.[unsubscribeCommand[kind]](name).catch(() => {}); // it may have been asked for
        this.#stands(ear);
      }
      throw error;
    }
  }

  /** Stops listening. When it resolves, everything that Redis had sent has been heard. */
  async stop({ kind, name }: Listening, hear: Hear): Promise<void> {
    const ears = this.#ears[kind];
    const leaving = this.#leaving[kind];
    const ear = ears.get(name);
    if (ear === undefined) return;
    if (ear.hears.size === 1 && ear.hears.has(hear)) {
      // Whoever begins to listen from now on gets a subscription of their own, asked for after this one has ended.
      ears.delete(name);
      leaving.set(name, ear);
      this.#stands(ear); // first: it must not be asked for again behind its end
      const { clock, patience } = this.#options;
      const ended = this.#current?.[unsubscribeCommand[kind]](name);
      if (ended !== undefined) await settlesWithin(clock, patience, ended); // a broken connection hears nothing more either
      if (leaving.get(name) === ear) leaving.delete(name);
    }
    ear.hears.delete(hear);
  }

  /** Asks again for what Redis has refused since it was confirmed: rights that were taken away may have been given back. */
  async retry(): Promise<void> {
    const { client } = this.connection;
    if (client === undefined || this.#refused.size === 0 || this.#retrying === client) return;
    this.#retrying = client;
    const refused = [...this.#refused];
    for (const ear of refused) this.#ask(client, ear);
    const results = await Promise.allSettled(refused.map(({ confirmed }) => confirmed));
    const regained = refused.filter((_, at) => results[at]?.status === 'fulfilled');
    if (regained.length > 0 && client === this.connection.client) await this.#options.regained();
    if (this.#retrying === client) this.#retrying = undefined;
    if (regained.length === 0 || client !== this.connection.client) return;
    this.#options.logger.info({ channels: regained.map(({ name }) => name) }, 'Redis allows subscriptions again.');
    for (const ear of regained) this.#stands(ear);
  }

  /** It is listened to, or need not be. */
  #stands(ear: Ear): void {
    if (this.#refused.delete(ear) && this.#refused.size === 0) this.#options.lacking(undefined);
  }

  /** Asks again for all that Redis may have ended without being asked: what it still serves here is confirmed, the rest refused. */
  async renew(): Promise<void> {
    const client = this.#current;
    if (client === undefined) return;
    const sharded = [...this.#ears.sharded.values()];
    for (const ear of sharded) this.#ask(client, ear);
    const results = await Promise.allSettled(sharded.map(({ confirmed }) => confirmed));
    if (client !== this.#current) return;
    for (const [at, result] of results.entries())
      if (result.status === 'rejected' && result.reason instanceof BelfryError)
        this.#lacks(sharded[at]!, result.reason);
  }

  /** Redis refuses it on a new connection, or at another time than when it was asked for. */
  #lacks(ear: Ear, refusal: BelfryError): void {
    const { logger, lacking } = this.#options;
    logger.error({ channel: ear.name, err: refusal }, 'Redis refuses a subscription.');
    if (!ear.wasConfirmed || this.#ears[ear.kind].get(ear.name) !== ear) return; // whoever asks for it is told, or nobody does any more
    this.#refused.add(ear);
    lacking(refusal.message);
  }

  #confirmation(ear: Ear): Promise<void> {
    const { connection } = this;
    return connection.insist(`a subscription to ${ear.title}`, this.#options.patience, async (client) => {
      await ear.confirmed;
      if (client !== connection.client) throw new Error('It was confirmed on a connection that is gone.'); // ask the next one
    });
  }

  #ask(client: Redis, ear: Ear): void {
    const { kind, name, title } = ear;
    ear.confirmed = client[subscribeCommand[kind]](name).then(
      () => {
        ear.wasConfirmed = true;
      },
      (error: unknown) => {
        throw isRefusal(error) && !isMisdirected(error)
          ? refused('SUBSCRIBE_REFUSED', `a subscription to ${title} (${name})`, this.#options.address, error)
          : error;
      },
    );
    ear.confirmed.catch(() => {}); // looked at by whoever waits, if anybody does
  }

  async #listenAgain(client: Redis): Promise<void> {
    this.#current = client;
    client.once('end', () => {
      if (this.#current === client) this.#current = undefined;
    });
    const ears = Object.values(this.#ears).flatMap((named) => [...named.values()]);
    for (const ear of ears) this.#ask(client, ear);
    this.#refused.clear();
    for (const ear of ears) {
      await ear.confirmed.catch((error: unknown) => {
        if (isRefusal(error)) {
          this.#options.moved();
          return;
        }
        if (!(error instanceof BelfryError)) throw error;
        this.#lacks(ear, error);
      });
    }
    if (this.#refused.size === 0) this.#options.lacking(undefined);
  }

  #attend(client: Redis): Redis {
    client.on('moved', () => this.#options.moved()); // ioredis says so of a subscription that was refused, or ended without being asked
    const hear: HearMessage = (kind, names, text) => this.#hear(KINDS[kind]!, names[0]!, text, names.at(-1)!);
    if (hearAtOnce(client, hear)) return client;
    for (const kind of ['message', 'smessage'])
      client.on(kind, (channel: string, text: string) => hear(kind, [channel], text));
    client.on('pmessage', (...[glob, channel, text]: [string, string, string]) =>
      hear('pmessage', [glob, channel], text),
    );
    return client;
  }

  #hear(kind: ListenKind, name: string, message: string, channel: string): void {
    const ear = this.#ears[kind].get(name) ?? this.#leaving[kind].get(name);
    if (ear === undefined) return;
    for (const hear of ear.hears) hear(message, channel);
  }
}
