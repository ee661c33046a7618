import { type Redis, type SentinelConnectionOptions, SentinelConnector } from 'ioredis';
import { explained } from './connection-failure.js';
import { farewellOf } from './farewell.js';
import { attendSocket } from './sockets.js';
import { ReplyReader } from './reply-reader.js';

type Connected = ReturnType<SentinelConnector['connect']>;
type Tell = Parameters<SentinelConnector['connect']>[0];

/** For so long a Sentinel may be silent, then the next one is asked. */
const SILENCE_MS = 1000;

/** Asks the Sentinels once where the primary is, and says why none of them knows. Each life of a connection has one: see connection.ts. */
export class SentinelLookup extends SentinelConnector {
  /** Of the connection to the primary. */
  reader: ReplyReader | undefined;
  readonly #name: string | undefined;
  /** The connection to the one that was asked last. */
  #asked: Redis | undefined;
  /** Why it is not to be reached. */
  #whyNot: Error | undefined;

  /** @param given options of ioredis */
  constructor(given: unknown) {
    const options = given as SentinelConnectionOptions;
    super({
      ...options,
      // Always beginning with the same one, nobody would get past a Sentinel that is alone with what it believes.
      sentinels: shuffled(options.sentinels ?? []),
      role: 'master',
      sentinelRetryStrategy: () => null,
      sentinelCommandTimeout: options.sentinelCommandTimeout ?? SILENCE_MS,
      failoverDetector: false, // it goes on after a life has ended; Sentinel ends the connections itself, and the heartbeat looks
    });
    this.#name = options.name;
    this.#listenToErrors();
    this.#readWhole();
  }

  override async connect(tell: Tell): Connected {
    const reasons: string[] = [];
    const note: Tell = (type, error) => {
      reasons.push(this.#reasonIn(error));
      tell(type, error);
    };
    try {
      return await super.connect(note);
    } catch (error) {
      if (reasons.length === 0) throw error;
      throw new Error(`no Sentinel says where ${this.#name} is: ${reasons.join('; ')}`);
    }
  }

  /** A server that is no primary is refused when the connection is set up, with a reason. */
  override check(): boolean {
    return true;
  }

  /** ioredis has no option for how the primary is read: it goes with its address. */
  #readWhole(): void {
    const own = this as unknown as { resolve?(endpoint: unknown): Promise<object | null> };
    const resolve = own.resolve?.bind(this);
    if (resolve === undefined) return;
    const reader = new ReplyReader();
    this.reader = reader;
    own.resolve = async (endpoint) => {
      const where = await resolve(endpoint);
      return where && { ...where, onread: reader.reading(() => this.stream) };
    };
  }

  /** ioredis says no more than `Connection is closed.`: the reason is told only by the client that it makes for each Sentinel. */
  #listenToErrors(): void {
    const own = this as unknown as { connectToSentinel?(...args: unknown[]): Redis };
    const make = own.connectToSentinel?.bind(this);
    if (make === undefined) return;
    own.connectToSentinel = (sentinel, options) => {
      const client = make(sentinel, { ...(options as object), lazyConnect: true });
      this.#asked = attendSocket(client);
      this.#whyNot = undefined;
      return client.on('error', (error: Error) => {
        this.#whyNot ??= explained(error, client);
      });
    };
  }

  #reasonIn({ message }: Error): string {
    const [, address = '', text = ''] = /sentinel (\S+) (?:because|successfully, but) (.*)$/s.exec(message) ?? [];
    if (/No such master|invalid reply/.test(text)) return `${address}: it knows no ${this.#name}`;
    const why = (this.#asked && farewellOf(this.#asked)) ?? this.#whyNot?.message;
    const reason = text.startsWith('Connection is closed') ? (why ?? text) : text;
    return `${address}: ${reason || message}`;
  }
}

function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((each) => ({ each, rank: Math.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ each }) => each);
}
