import { type AnyContract, type EventContract, type Validation, validate } from '@belfry/contracts';
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
  toJson,
} from './outgoing.js';
import type { Receipt, Transport } from './transport.js';

/** What a single publish may be told. Everything is taken from the contract and the current context when it is absent. */
export interface PublishOptions extends OutgoingOptions {}

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
    const mistake = mistakeIn('publish', contract, options);
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
      const body = this.#encode(contract, data, key, options, extensions);
      checkSize(contract, body, maxMessageBytes);
      const event = { channel: `${namespace}:${contract.channel}`, body, key, public: publicChannels };
      return () => transport.publish(event);
    } catch (error) {
      return () => Promise.reject(error);
    }
  }

  #encode(
    contract: EventContract,
    data: unknown,
    key: string | undefined,
    options: PublishOptions,
    extensions: PublishOptions['extensions'],
  ): string {
    const encode = this.#encoderOf(contract);
    checkExtensions(contract, extensions);
    const attributes = {
      id: this.#options.nextId(),
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
