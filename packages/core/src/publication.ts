import {
  type AnyContract,
  BelfryError,
  type ErrorIssue,
  type EventContract,
  type Validation,
  validate,
} from '@belfry/contracts';
import type { Clock } from './clock.js';
import { currentContext } from './context.js';
import { type EnvelopeEncoder, type ExtensionValue, envelopeEncoder } from './envelope.js';
import { type Middleware, type PublishCall, runThrough } from './middleware.js';
import type { Receipt, Transport } from './transport.js';

/** What a single publish may be told. Everything is taken from the contract and the current context when it is absent. */
export interface PublishOptions {
  /** Instead of what the contract's `key` makes of the data. */
  readonly key?: string;
  readonly correlationId?: string;
  readonly causationId?: string;
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** CloudEvents extension attributes to send along: names of lower-case letters and digits. */
  readonly extensions?: Readonly<Record<string, ExtensionValue>>;
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
  readonly clock: Clock;
}

/** The way of a message out: middleware, validation, envelope, transport. Publishes on one channel keep their order. */
export class Publication {
  readonly #options: PublicationOptions;
  readonly #encoders = new Map<string, EnvelopeEncoder>();
  /** Per channel, the last publish that still waits for a schema: later ones wait behind it. */
  readonly #tails = new Map<string, Promise<unknown>>();

  constructor(options: PublicationOptions) {
    this.#options = options;
  }

  /** Never throws: rejects. */
  publish(contract: AnyContract, data: unknown, options: PublishOptions): Promise<Receipt> {
    const mistake = mistakeIn(contract, options);
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
    let encode = this.#encoders.get(contract.channel);
    if (encode === undefined) {
      encode = envelopeEncoder(this.#options.source, contract.name, contract.version);
      this.#encoders.set(contract.channel, encode);
    }
    for (const name in extensions) checkExtension(contract, name, extensions[name]);
    const context = currentContext();
    const attributes = {
      id: this.#options.nextId(),
      time: this.#options.clock.now(),
      key,
      correlationId: options.correlationId ?? context?.correlationId,
      causationId: options.causationId ?? context?.messageId,
      traceparent: options.traceparent ?? context?.traceparent,
      tracestate: options.tracestate ?? context?.tracestate,
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

function keyOf(contract: EventContract, data: unknown): string | undefined {
  if (contract.key === undefined) return undefined;
  let key: unknown;
  try {
    key = contract.key(data);
  } catch (error) {
    throw invalid(contract, `were refused by its key function (${error instanceof Error ? error.name : typeof error})`);
  }
  if (typeof key !== 'string')
    throw invalid(contract, `have no key: its key function returned ${typeof key}, not a string`);
  return key;
}

function toJson(contract: AnyContract, data: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(data);
  } catch {
    // Said below; the engine's own message may name fields of the payload.
  }
  if (json === undefined) throw invalid(contract, 'cannot be written as JSON');
  return json;
}

function checkSize(contract: AnyContract, body: string, maxMessageBytes: number): void {
  if (body.length * 3 <= maxMessageBytes) return; // a character is three bytes at most
  const bytes = Buffer.byteLength(body);
  if (bytes <= maxMessageBytes) return;
  throw new BelfryError('PAYLOAD_TOO_LARGE', {
    message: `${title(contract)} is ${bytes} bytes, more than the limit of ${maxMessageBytes}; it was not published.`,
    hint: 'Send a reference to the large part instead, or raise maxMessageBytes on both sides.',
  });
}

const textOptions = ['key', 'correlationId', 'causationId', 'traceparent', 'tracestate'];

/** Programs without types may say anything: what no subscriber could read must not travel. */
function mistakeIn(contract: AnyContract, options: PublishOptions): BelfryError | undefined {
  for (const name in options) {
    const value: unknown = options[name as keyof PublishOptions];
    const fits = textOptions.includes(name)
      ? typeof value === 'string'
      : name === 'extensions' && typeof value === 'object';
    if (value === undefined || fits) continue;
    const isKnown = name === 'extensions' || textOptions.includes(name);
    return new BelfryError('OPTION_INVALID', {
      message: `${title(contract)}: ${JSON.stringify(name)} ${isKnown ? `cannot be a ${typeof value}` : 'is no option of publish()'}.`,
      hint: `There are ${textOptions.join(', ')}, which are texts, and extensions, an object.`,
    });
  }
  return undefined;
}

const reserved =
  /^(specversion|id|source|type|time|datacontenttype|dataschema|dataversion|subject|data|partitionkey|correlationid|causationid|traceparent|tracestate|sequence|cursor)$/;

function checkExtension(contract: AnyContract, name: string, value: unknown): void {
  const nameFits = /^[a-z0-9]+$/.test(name) && !reserved.test(name);
  if (nameFits && (typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value))) return;
  throw new BelfryError('OPTION_INVALID', {
    message: `${title(contract)} cannot carry the extension attribute ${JSON.stringify(name)}${nameFits ? ` with a value of type ${typeof value}` : ''}.`,
    hint: nameFits
      ? 'Values are texts, finite numbers, true or false.'
      : 'Names are lower-case letters and digits, and none that CloudEvents or Belfry uses itself.',
  });
}

const title = (contract: AnyContract): string =>
  contract.kind === 'event'
    ? `the event ${contract.name} (version ${contract.version})`
    : `the payload for channel ${contract.name}`;

function invalid(contract: AnyContract, what: string, issues: readonly ErrorIssue[] = []): BelfryError {
  const places = issues.map(({ path }) => path ?? '(the whole)').join(', ');
  return new BelfryError('PAYLOAD_INVALID', {
    message: `the data for ${title(contract)} ${what}${places && `, at ${places}`}; it was not published.`,
    hint: issues.length > 0 ? "The error's `issues` say what the schema found." : 'See the contract.',
    issues,
  });
}
