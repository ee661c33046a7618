import { type AnyContract, type EventContract, type Validation, validate } from '@belfry/contracts';
import { type Clock, dateOn } from './clock.js';
import type { MessageContext } from './context.js';
import { DeliveryQueue, type DropPolicy, type Work } from './delivery-queue.js';
import type { Envelope } from './envelope.js';
import { callHandler, contextOf, type Fit, isPromiseLike, noCommit, openEnvelope } from './event-handling.js';
import type { Logger } from './logger.js';
import type { Middleware } from './middleware.js';
import { bytesOver, idsOf, placesOf } from './outgoing.js';
import { matchesPattern } from './pattern.js';
import { Rejections } from './rejections.js';
import type { Slots } from './slots.js';
import { standingBytes } from './standing.js';
import { type Load, newStats, type SubscriptionStats } from './subscription-stats.js';
import type { Origin } from './transport.js';

export interface ReceiverOptions {
  /** For logs: the contracts' names, or the pattern. */
  readonly title: string;
  /** Contracts by the channel they come on; empty for a pattern. */
  readonly contracts: ReadonlyMap<string, AnyContract>;
  /** With its namespace. */
  readonly pattern: string | undefined;
  readonly group: string | undefined;
  readonly handler: (data: unknown, context: MessageContext) => unknown;
  readonly middleware: readonly Middleware[];
  readonly concurrency: number | Slots;
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
  /** @default 'newest' */
  readonly drop?: DropPolicy;
  /** Told when the queue is filling up, and when it has room again. */
  readonly onPressure?: (full: boolean) => void;
  readonly maxMessageBytes: number;
  readonly validate: boolean;
  /** Figures and rejections that are shared with others. @default its own */
  readonly stats?: SubscriptionStats;
  readonly rejections?: Rejections;
  readonly signal: AbortSignal;
  readonly nextId: () => string;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Turns the encoded messages of one subscription into calls of its handler. Nothing that arrives can make it throw or stop. */
export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #queue: DeliveryQueue<Origin>;
  readonly #rejections: Rejections;
  readonly #relieved: (() => void)[] = [];
  readonly stats: SubscriptionStats;
  /** What waits and what runs. */
  readonly load: Load;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    const queue = new DeliveryQueue<Origin>({
      concurrency: options.concurrency,
      maxMessages: options.maxQueuedMessages,
      maxBytes: options.maxQueuedBytes,
      drop: options.drop ?? 'newest',
      onPressure: (full) => this.#pressed(full),
      open: (body, origin) => this.#open(body, origin),
    });
    this.#queue = queue;
    const { title, group, logger, clock } = options;
    this.load = queue;
    this.#rejections = options.rejections ?? new Rejections({ subscription: title, group }, logger, clock);
    this.stats = options.stats ?? newStats(this.#rejections.counts, [queue]);
  }

  /** Takes a message from the transport. */
  readonly deliver = (body: string, origin: Origin): void => {
    const { maxMessageBytes, pattern } = this.#options;
    const { channel } = origin;
    if (pattern !== undefined && !matchesPattern(pattern, channel)) return;
    this.stats.received++;
    if (isTooLarge(maxMessageBytes, body)) {
      this.#rejections.add({ reason: 'tooLarge', channel, message: `It is larger than ${maxMessageBytes} bytes.` });
      return;
    }
    const dropped = this.#queue.push(body, origin);
    if (dropped === 0) return;
    this.stats.dropped += dropped;
    this.#rejections.crowded(
      { channel, dropped: this.stats.dropped, queued: this.#queue.queued },
      'A handler cannot keep up: its queue is full, and messages are being dropped. Raise concurrency, or add instances to the group.',
    );
  };

  /** Resolves when there is room for more, without anything being dropped; `undefined` when there is now. */
  readonly room = (): Promise<void> | undefined =>
    this.#queue.isPressed ? new Promise((resolve) => this.#relieved.push(resolve)) : undefined;

  /** Resolves once nothing waits and nothing is being handled. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  /** Gives up what still waits. */
  abandon(): void {
    this.stats.abandoned += this.#queue.clear();
  }

  #pressed(full: boolean): void {
    const { onPressure } = this.#options;
    if (full)
      this.#rejections.crowded(
        { queued: this.#queue.queued, dropped: this.stats.dropped },
        'A handler does not keep up: its queue is three quarters full. When it is full, messages are dropped.',
      );
    else for (const relieved of this.#relieved.splice(0)) relieved();
    onPressure?.(full);
  }

  #open(body: string, { channel, shared }: Origin): Work | undefined {
    const contract = this.#options.contracts.get(channel);
    if (contract?.kind === 'channel') return { lane: undefined, run: () => this.#runBare(contract, body, channel) };
    const opened = openEnvelope(body, contract, shared);
    if (opened.reason !== undefined) {
      this.#rejections.add({ channel, ...opened });
      return undefined;
    }
    return {
      lane: contract?.key === undefined ? undefined : opened.envelope.partitionkey,
      run: () => this.#run(contract, opened, channel),
    };
  }

  #run(contract: EventContract | undefined, opened: Fit, channel: string): void | Promise<void> {
    const { envelope } = opened;
    if (contract === undefined || !this.#options.validate) return this.#start(contract, opened, envelope.data, channel);
    const validation = validate(contract.schema, envelope.data);
    if (!(validation instanceof Promise) && validation.valid)
      return this.#start(contract, opened, validation.value, channel); // most go this way: without a closure
    return this.#validated(validation, (data) => this.#start(contract, opened, data, channel), channel, envelope);
  }

  #start(contract: EventContract | undefined, opened: Fit, data: unknown, channel: string): void | Promise<void> {
    const { group, clock, signal } = this.#options;
    const circumstances = { channel, group, attempt: 1, commit: noCommit, now: dateOn(clock), signal };
    return this.#handle(contract, contextOf(opened, data, circumstances));
  }

  #runBare(contract: AnyContract, body: string, channel: string): void | Promise<void> {
    const messageId = this.#options.nextId();
    const start = (data: unknown) =>
      this.#handle(contract, {
        type: contract.name,
        data,
        version: 1,
        messageId,
        source: undefined,
        time: new Date(dateOn(this.#options.clock)),
        group: undefined,
        key: undefined,
        correlationId: messageId,
        causationId: undefined,
        extensions: {},
        channel,
        attempt: 1,
        commit: noCommit,
        signal: this.#options.signal,
      });
    const { schema } = contract;
    if (schema === undefined) return start(body);
    const value = parseBare(body);
    if (!this.#options.validate) return start(value);
    // Text that happens to be JSON, like 42, may still be meant as text.
    const orAsText = (asJson: Validation) =>
      asJson.valid || value === body
        ? asJson
        : settle(validate(schema, body), (asText) => (asText.valid ? asText : asJson));
    return this.#validated(settle(validate(schema, value), orAsText), start, channel);
  }

  #validated(
    validation: Validation | Promise<Validation>,
    start: (data: unknown) => void | Promise<void>,
    channel: string,
    envelope?: Envelope,
  ): void | Promise<void> {
    if (validation instanceof Promise)
      return validation.then((done) => this.#validated(done, start, channel, envelope));
    if (validation.valid) return start(validation.value);
    const message = 'Its data do not fit the schema.';
    this.#rejections.add({ reason: 'invalid', channel, message, envelope, places: placesOf(validation.issues) });
  }

  #handle(contract: AnyContract | undefined, context: MessageContext): void | Promise<void> {
    const { handler, middleware } = this.#options;
    try {
      const result = callHandler(handler, middleware, contract, context);
      if (isPromiseLike(result)) {
        return Promise.resolve(result).then(
          () => void this.stats.handled++,
          (error: unknown) => this.#failed(error, context),
        );
      }
      this.stats.handled++;
    } catch (error) {
      this.#failed(error, context);
    }
  }

  #failed(error: unknown, context: MessageContext): void {
    this.stats.failed++;
    this.#options.logger.error(
      { ...this.#fields(context.channel), ...idsOf(context), err: error },
      `A handler of ${context.type} threw. The message is not delivered again: the event is transient.`,
    );
  }

  #fields(channel: string): object {
    const { title, group } = this.#options;
    return { subscription: title, channel, group };
  }
}

/** What Belfry itself has added on the way does not count. */
const isTooLarge = (limit: number, body: string): boolean =>
  bytesOver(limit, body) !== undefined && bytesOver(limit + standingBytes(body), body) !== undefined;

/** Goes on at once when it can: a handler with a synchronous schema is called in the turn in which its message came. */
const settle = (
  validation: Validation | Promise<Validation>,
  next: (done: Validation) => Validation | Promise<Validation>,
): Validation | Promise<Validation> => (validation instanceof Promise ? validation.then(next) : next(validation));

function parseBare(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}
