import { BelfryError } from '@belfry/contracts';
import type { Durability } from '../durable/durability.js';
import { numbered } from '../standing.js';
import type {
  Deliver,
  HistoryPart,
  OutgoingEvent,
  OutgoingRequest,
  Receipt,
  Source,
  Transport,
  TransportFactory,
  TransportHost,
  TransportSubscription,
} from '../transport.js';
import { Broker } from './broker.js';
import { MemoryDurability } from './memory-durability.js';
import { Turn } from './turn.js';

/** What else a {@link memoryTransport} can be told. */
export interface MemoryTransportOptions {
  /**
   * Takes the commands of `context.commit`, in the step in which the event is acknowledged: memory has no Redis to run them in. What it
   * throws refuses the commit. @default none: a commit is refused, `UNSUPPORTED`
   */
  readonly onCommit?: (commands: readonly (readonly string[])[]) => void;
}

/**
 * The transport within a process. Buses whose URL is the same share what they publish: `memory:`, or `memory:name` to keep apart
 * (letters, digits, `.`, `_`, `-`). It keeps the promises of the Redis transport: groups, order, keys, receipts. What it knows about
 * absent groups, and every log of durable events, is gone with the last bus of its URL.
 * @throws BelfryError `OPTION_INVALID` for any other URL
 */
export function memoryTransport(url = 'memory:', options: MemoryTransportOptions = {}): TransportFactory {
  if (!/^memory:[A-Za-z0-9._-]*$/.test(url)) {
    throw new BelfryError('OPTION_INVALID', {
      // Not quoted: a URL for something else may hold a password.
      message: 'the URL of a memory transport is memory: or memory:name.',
      hint: 'Names are letters, digits, ., _ and -.',
    });
  }
  return (host) => new MemoryTransport(url, host, options);
}

/** By URL, with the transports that are open on each. */
const shared = new Map<string, { readonly broker: Broker; readonly users: Set<MemoryTransport> }>();

class MemoryTransport implements Transport {
  readonly unsupported: Transport['unsupported'];
  readonly durable: Durability;
  readonly resumedAt = Number.NEGATIVE_INFINITY;
  readonly #url: string;
  readonly #host: TransportHost;
  readonly #broker: Broker;
  readonly #turn = new Turn();
  /** Per channel, how many events this publisher has dealt, from a random start: it says whose turn it is in every group. */
  readonly #dealt = new Map<string, number>();
  /** Per channel, how many events it has published. */
  readonly #published = new Map<string, number>();
  readonly #subscriptions = new Set<TransportSubscription>();
  #used = false;
  #closing: Promise<void> | undefined;

  constructor(url: string, host: TransportHost, { onCommit }: MemoryTransportOptions) {
    const { broker, users } = shared.get(url) ?? { broker: new Broker(), users: new Set() };
    shared.set(url, { broker, users: users.add(this) });
    this.#url = url;
    this.#host = host;
    this.#broker = broker;
    this.unsupported = onCommit === undefined ? { commits: NO_COMMITS } : {};
    this.durable = new MemoryDurability({
      broker,
      turn: this.#turn,
      now: () => host.clock.now(),
      run: (commands) => attempt(() => onCommit?.(commands)),
      closed: () => this.#use(),
    });
  }

  publish(event: OutgoingEvent): Promise<Receipt> {
    const refusal = this.#use();
    if (refusal !== undefined) return Promise.reject(refusal);
    const { channel } = event;
    const sequence = (this.#published.get(channel) ?? 0) + 1;
    this.#published.set(channel, sequence);
    const whole = { ...event, shared: undefined, body: numbered(event, sequence) };
    return this.#turn.add(() => this.#broker.deal(whole, this.#nextTurn(channel), this.#host.clock.now()));
  }

  publishBare(channel: string, payload: string): Promise<number> {
    const refusal = this.#use();
    if (refusal !== undefined) return Promise.reject(refusal);
    return this.#turn.add(() => this.#broker.publishBare(channel, payload));
  }

  ask(request: OutgoingRequest): void {
    const refusal = this.#use();
    if (refusal !== undefined) request.failed(refusal);
    else
      void this.#turn.add(() =>
        request.dealt(this.#broker.ask(request, this.#nextTurn(request.channel), this.#host.clock.now())),
      );
  }

  send(address: string, body: string): Promise<boolean> {
    const refusal = this.#use();
    if (refusal !== undefined) return Promise.reject(refusal);
    return this.#turn.add(() => this.#broker.send(address, body));
  }

  async listening(addresses: readonly string[]): Promise<ReadonlySet<string>> {
    const refusal = this.#use();
    if (refusal !== undefined) throw refusal;
    return new Set(addresses.filter((address) => this.#broker.isListening(address)));
  }

  async subscribe(source: Source, deliver: Deliver): Promise<TransportSubscription> {
    const refusal = this.#use();
    if (refusal !== undefined) throw refusal;
    const listener = { instance: this.#host.instance, deliver };
    this.#broker.add(source, listener);
    const subscription: TransportSubscription = {
      end: async () => {
        // What this bus published before it gave up its place may still be meant for this place.
        await this.#turn.over();
        if (this.#subscriptions.delete(subscription)) this.#broker.remove(source, listener, this.#host.clock.now());
      },
      stepAside: (aside) => {
        if (source.kind === 'group') this.#broker.stepAside(source.channel, source.group, listener, aside);
      },
    };
    this.#subscriptions.add(subscription);
    return subscription;
  }

  async history(channel: string, after: string | undefined, count: number): Promise<HistoryPart> {
    const refusal = this.#use();
    if (refusal !== undefined) throw refusal;
    return this.#broker.history(channel, after, count);
  }

  async audience(channel: string): Promise<Receipt> {
    const refusal = this.#use();
    if (refusal !== undefined) throw refusal;
    return this.#broker.audience(channel, this.#host.clock.now());
  }

  async bareAudience(channel: string): Promise<number> {
    const refusal = this.#use();
    if (refusal !== undefined) throw refusal;
    return this.#broker.bareAudience(channel);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#turn.over();
    await Promise.all(Array.from(this.#subscriptions, (subscription) => subscription.end()));
    const users = shared.get(this.#url)?.users;
    users?.delete(this);
    if (users?.size === 0) shared.delete(this.#url);
  }

  #nextTurn(channel: string): number {
    const turn = this.#dealt.get(channel) ?? Math.floor(Math.random() * 0x1_0000_0000);
    this.#dealt.set(channel, turn + 1);
    return turn;
  }

  /** What is used for the first time is connected by that. Returns why it must not be used any more. */
  #use(): BelfryError | undefined {
    if (this.#closing !== undefined) return this.#closed();
    if (!this.#used) {
      this.#used = true;
      this.#host.tell?.({ what: 'connected' });
    }
    return undefined;
  }

  #closed(): BelfryError {
    return new BelfryError('BUS_CLOSED', { message: `the memory transport of ${this.#host.service} is closed.` });
  }
}

const NO_COMMITS =
  'memory: has no Redis to run commands in. Give memoryTransport(url, { onCommit }) something that takes them, or use Redis.';

/** What was thrown, in words. */
function attempt(work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
