import {
  type AnyContract,
  BelfryError,
  type Duration,
  type EventContract,
  isDuration,
  toMilliseconds,
  type Validation,
  validate,
} from '@belfry/contracts';
import type { Clock } from './clock.js';
import { currentContext } from './context.js';
import { envelopeEncoders } from './envelope.js';
import { type Middleware, type PublishCall, runThrough } from './middleware.js';
import {
  causalityOf,
  checkExtensions,
  checkSize,
  invalid,
  keyOf,
  mistakeIn,
  type OutgoingOptions,
  subjectOf,
  toJson,
} from './outgoing.js';
import type { Upkeep } from './durable/upkeep.js';
import type { Receipt, Transport } from './transport.js';

/** What a single publish may be told. Everything is taken from the contract and the current context when it is absent. */
export interface PublishOptions extends OutgoingOptions {
  /**
   * The message's id, instead of one that Belfry makes. A second publish of a durable event with the same id within the contract's
   * `duplicateWindow` does nothing, and its receipt says so.
   */
  readonly id?: string;
  /** Of a durable event: it is published only after so long, to about a second, also when this process has ended by then. */
  readonly delay?: Duration;
  /** The same as a point in time, on this machine's clock. */
  readonly at?: Date;
}

export interface PublicationOptions {
  readonly transport: Transport;
  readonly namespace: string;
  /** `/service/instance` */
  readonly source: string;
  readonly nextId: () => string;
  readonly validate: boolean;
  readonly publicChannels: boolean;
  readonly maxMessageBytes: number;
  readonly middleware: readonly Middleware[];
  readonly upkeep: Upkeep;
  readonly clock: Clock;
}

/** The way of a message out: middleware, validation, envelope, transport. Publishes on one channel keep their order. */
export class Publication {
  readonly #options: PublicationOptions;
  readonly #encoderOf: ReturnType<typeof envelopeEncoders>;
  /** Per channel, the last publish that still waits for a schema: later ones wait behind it. */
  readonly #tails = new Map<string, Promise<unknown>>();

  constructor(options: PublicationOptions) {
    this.#options = options;
    this.#encoderOf = envelopeEncoders(options.source);
  }

  /** Never throws: rejects. */
  publish(contract: AnyContract, data: unknown, options: PublishOptions): Promise<Receipt> {
    const mistake =
      mistakeIn('publish', contract, options, ['id', 'delay', 'at']) ?? mistakeInIdOrDelay(contract, options);
    if (mistake !== undefined) return Promise.reject(mistake);
    const { middleware } = this.#options;
    if (middleware.length === 0) return this.#inOrder(contract, data, options, options.extensions);
    const call: PublishCall = { side: 'publish', contract, data, extensions: { ...options.extensions } };
    try {
      return runThrough(middleware, call, () => this.#inOrder(contract, call.data, options, call.extensions));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Waits for the publishes that still wait for a schema. */
  async settled(): Promise<void> {
    while (this.#tails.size > 0) await Promise.allSettled(this.#tails.values());
  }

  #inOrder(
    contract: AnyContract,
    data: unknown,
    options: PublishOptions,
    extensions: PublishOptions['extensions'],
  ): Promise<Receipt> {
    const { channel, schema } = contract;
    const validation = this.#options.validate && schema !== undefined ? validate(schema, data) : unchecked;
    const before = this.#tails.get(channel);
    // Written down now: what the caller does to the data while a schema thinks about them must not travel.
    const send = this.#prepare(contract, data, options, extensions);
    if (before === undefined && !(validation instanceof Promise)) return sendIfValid(contract, validation, send);
    const ready = Promise.all([validation, before]);
    const receipt = ready.then(([validated]) => sendIfValid(contract, validated, send));
    this.#tails.set(channel, ready);
    ready.then(() => {
      if (this.#tails.get(channel) === ready) this.#tails.delete(channel);
    });
    return receipt;
  }

  /** Encodes, and returns what sends it; a mistake is told when it would be sent, after the schema has spoken. */
  #prepare(
    contract: AnyContract,
    data: unknown,
    options: PublishOptions,
    extensions: PublishOptions['extensions'],
  ): () => Promise<Receipt> {
    const { transport, namespace, publicChannels, maxMessageBytes } = this.#options;
    try {
      if (contract.kind === 'channel') {
        const payload = typeof data === 'string' ? data : toJson(contract, data);
        checkSize(contract, payload, maxMessageBytes);
        return () => transport.publishBare(contract.channel, payload).then((broadcast) => ({ broadcast, groups: {} }));
      }
      const key = options.key ?? keyOf(contract, data);
      const id = options.id ?? this.#options.nextId();
      const body = this.#encode(contract, data, id, key, options, extensions);
      checkSize(contract, body, maxMessageBytes);
      if (contract.guarantee === 'durable') return this.#append(contract, { body, key, id, options });
      const { recovery } = contract;
      const event = { channel: `${namespace}:${contract.channel}`, body, key, recovery, public: publicChannels };
      return () => transport.publish(event);
    } catch (error) {
      return () => Promise.reject(error);
    }
  }

  #append(
    contract: EventContract,
    { body, key, id, options }: { body: string; key: string | undefined; id: string; options: PublishOptions },
  ): () => Promise<Receipt> {
    const { transport, namespace, upkeep, clock } = this.#options;
    const channel = `${namespace}:${contract.channel}`;
    const delay = delayIn(options, clock.now());
    const event = {
      channel,
      body,
      key,
      messageId: id,
      window: options.id === undefined ? undefined : contract.duplicateWindow,
      delay,
      cap: contract.retention.cap,
    };
    return async () => {
      const due = delay === undefined ? undefined : new Date(clock.now() + delay);
      const { entry, duplicate, broadcast, groups } = await transport.durable!.append(event);
      upkeep.tend(channel, contract.retention);
      return Object.freeze({
        broadcast,
        groups,
        id,
        ...(entry === undefined ? {} : { entry }),
        ...(duplicate ? { duplicate } : due === undefined ? {} : { due }),
      });
    };
  }

  #encode(
    contract: EventContract,
    data: unknown,
    id: string,
    key: string | undefined,
    options: PublishOptions,
    extensions: PublishOptions['extensions'],
  ): string {
    const encode = this.#encoderOf(contract);
    checkExtensions(contract, extensions);
    const attributes = {
      id: options.id === undefined ? id : JSON.stringify(id).slice(1, -1),
      time: this.#options.clock.now(),
      key,
      ...causalityOf(options, currentContext()),
      extensions,
    };
    return encode(attributes, toJson(contract, data));
  }
}

const unchecked: Validation = { valid: true, value: undefined };

function sendIfValid(contract: AnyContract, validation: Validation, send: () => Promise<Receipt>): Promise<Receipt> {
  if (!validation.valid) return Promise.reject(invalid(contract, 'do not fit its schema', validation.issues));
  try {
    return send();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** In milliseconds; absent: at once. */
function delayIn({ delay, at }: PublishOptions, now: number): number | undefined {
  if (delay !== undefined) return Math.max(0, toMilliseconds(delay));
  return at === undefined ? undefined : Math.max(0, at.getTime() - now);
}

function mistakeInIdOrDelay(contract: AnyContract, { id, delay, at }: PublishOptions): BelfryError | undefined {
  const wrong = (what: string, hint: string) =>
    new BelfryError('OPTION_INVALID', { message: `${subjectOf(contract)}: ${what}.`, hint });
  if (id === undefined && delay === undefined && at === undefined) return undefined;
  if (id !== undefined && !(typeof id === 'string' && id.length > 0 && id.length <= 256))
    return wrong('its "id" is no text of 1 to 256 characters', 'Take it from what happened, like an order number.');
  if (id !== undefined && contract.kind !== 'event')
    return wrong('a bare channel carries no "id"', 'Put it into the payload.');
  if (delay === undefined && at === undefined) return undefined;
  if (contract.kind !== 'event' || contract.guarantee !== 'durable')
    return wrong('it cannot be delayed', "Only a durable event can: guarantee: 'durable'.");
  if (delay !== undefined && at !== undefined) return wrong('"delay" and "at" exclude each other', 'Give one of them.');
  if (delay !== undefined && !isDuration(delay))
    return wrong('its "delay" is no duration', "Give milliseconds, or a number with a unit: '10m'.");
  if (at !== undefined && !(at instanceof Date && !Number.isNaN(at.getTime())))
    return wrong('its "at" is no valid Date', 'For example new Date(Date.now() + 60_000).');
  return undefined;
}
