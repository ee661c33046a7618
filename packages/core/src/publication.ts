import {
  type AnyContract,
  BelfryError,
  type Duration,
  type EventContract,
  isDuration,
  type Schema,
  toMilliseconds,
  type Validation,
  validate,
} from '@belfry/contracts';
import { type Clock, dateOn } from './clock.js';
import { currentContext } from './context.js';
import { type EnvelopeEncoder, envelopeEncoder } from './envelope.js';
import { type Middleware, type PublishCall, runThrough } from './middleware.js';
import {
  bytesOver,
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
import type { OutgoingDurableEvent } from './durable/durability.js';
import type { Delays } from './durable/delays.js';
import type { Upkeep } from './durable/upkeep.js';
import type { OutgoingEvent, Receipt, Transport } from './transport.js';

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
  readonly delays: Delays;
  readonly clock: Clock;
}

/** What is the same for every message of one contract. */
interface Route {
  readonly contract: AnyContract;
  /** With the namespace; of a bare channel, taken literally. */
  readonly channel: string;
  readonly encoder: EnvelopeEncoder;
  readonly schema: Schema | undefined;
}

/** A message, encoded, and where it goes. */
type Encoded =
  | { readonly kind: 'bare'; readonly channel: string; readonly payload: string }
  | { readonly kind: 'event'; readonly event: OutgoingEvent }
  | { readonly kind: 'durable'; readonly contract: EventContract; readonly event: OutgoingDurableEvent };

const noOptions: PublishOptions = Object.freeze({});

/** The way of a message out: middleware, validation, envelope, transport. Publishes on one channel keep their order. */
export class Publication {
  readonly #options: PublicationOptions;
  readonly #routes = new WeakMap<AnyContract, Route>();
  /** Per channel, the last publish that still waits for a schema: later ones wait behind it. */
  readonly #tails = new Map<string, Promise<unknown>>();

  constructor(options: PublicationOptions) {
    this.#options = options;
  }

  /** Never throws: rejects. */
  publish(contract: AnyContract, data: unknown, given?: PublishOptions): Promise<Receipt> {
    const options = given ?? noOptions;
    const mistake = options === noOptions ? undefined : mistakeInOptions(contract, options);
    if (mistake !== undefined) return Promise.reject(mistake);
    const { middleware } = this.#options;
    const route = this.#routes.get(contract) ?? this.#routeOf(contract);
    if (middleware.length === 0) return this.#inOrder(route, data, options, options.extensions);
    const call: PublishCall = { side: 'publish', contract, data, extensions: { ...options.extensions } };
    try {
      return runThrough(middleware, call, () => this.#inOrder(route, call.data, options, call.extensions));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Waits for the publishes that still wait for a schema. */
  async settled(): Promise<void> {
    while (this.#tails.size > 0) await Promise.allSettled(this.#tails.values());
  }

  #routeOf(contract: AnyContract): Route {
    const { namespace, source, validate } = this.#options;
    const isBare = contract.kind === 'channel';
    const route: Route = {
      contract,
      channel: isBare ? contract.channel : `${namespace}:${contract.channel}`,
      encoder: envelopeEncoder(source, contract.name, isBare ? 1 : contract.version),
      schema: validate ? contract.schema : undefined,
    };
    this.#routes.set(contract, route);
    return route;
  }

  #inOrder(
    route: Route,
    data: unknown,
    options: PublishOptions,
    extensions: PublishOptions['extensions'],
  ): Promise<Receipt> {
    const { channel, contract, schema } = route;
    const validation = schema === undefined ? unchecked : validate(schema, data);
    const before = this.#tails.size === 0 ? undefined : this.#tails.get(channel);
    // Encoded now: what the caller does to the data while a schema thinks about them must not travel.
    let encoded: Encoded | undefined;
    let mistake: unknown;
    try {
      encoded = this.#encode(route, data, options, extensions);
    } catch (error) {
      mistake = error; // told after the schema has spoken
    }
    const send = (validated: Validation): Promise<Receipt> => {
      if (!validated.valid) return Promise.reject(invalid(contract, 'do not fit its schema', validated.issues));
      return encoded === undefined ? Promise.reject(mistake) : this.#send(encoded);
    };
    if (before === undefined && !(validation instanceof Promise)) return send(validation);
    const ready = Promise.all([validation, before]);
    const receipt = ready.then(([validated]) => send(validated));
    this.#tails.set(channel, ready);
    ready.then(() => {
      if (this.#tails.get(channel) === ready) this.#tails.delete(channel);
    });
    return receipt;
  }

  #encode(
    { contract, channel, encoder }: Route,
    data: unknown,
    options: PublishOptions,
    extensions: PublishOptions['extensions'],
  ): Encoded {
    const { publicChannels, maxMessageBytes, clock } = this.#options;
    if (contract.kind === 'channel') {
      const payload = typeof data === 'string' ? data : toJson(contract, data);
      checkSize(contract, payload, maxMessageBytes);
      return { kind: 'bare', channel, payload };
    }
    if (extensions !== undefined) checkExtensions(contract, extensions);
    const key = options.key ?? keyOf(contract, data);
    const id = options.id ?? this.#options.nextId();
    const shared = encoder.shared(dateOn(clock));
    const { correlationId, causationId, traceparent, tracestate } = causalityOf(options, currentContext());
    const attributes = {
      id: options.id === undefined ? id : JSON.stringify(id).slice(1, -1),
      key,
      correlationId,
      causationId,
      traceparent,
      tracestate,
      extensions,
    };
    const body = encoder.own(attributes, toJson(contract, data));
    if (bytesOver(maxMessageBytes - shared.length, body) !== undefined)
      checkSize(contract, shared + body, maxMessageBytes);
    if (contract.guarantee === 'transient') {
      const { recovery } = contract;
      return { kind: 'event', event: { channel, shared, body, key, recovery, public: publicChannels } };
    }
    const event: OutgoingDurableEvent = {
      channel,
      body: shared + body,
      key,
      messageId: id,
      window: options.id === undefined ? undefined : contract.duplicateWindow,
      delay: delayIn(options, dateOn(clock)),
      cap: contract.retention.cap,
    };
    return { kind: 'durable', contract, event };
  }

  #send(encoded: Encoded): Promise<Receipt> {
    const { transport } = this.#options;
    try {
      switch (encoded.kind) {
        case 'event':
          return transport.publish(encoded.event);
        case 'bare':
          return transport
            .publishBare(encoded.channel, encoded.payload)
            .then((broadcast) => ({ broadcast, groups: {} }));
        case 'durable':
          return this.#append(encoded.contract, encoded.event);
      }
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #append({ retention }: EventContract, event: OutgoingDurableEvent): Promise<Receipt> {
    const { transport, upkeep, delays, clock } = this.#options;
    const { channel, delay, messageId: id } = event;
    const due = delay === undefined ? undefined : new Date(dateOn(clock) + delay);
    return transport.durable!.append(event).then(({ entry, duplicate, broadcast, groups }) => {
      upkeep.tend(channel, retention);
      if (delay !== undefined && !duplicate) delays.expect(channel, delay);
      if (entry !== undefined && !duplicate && due === undefined)
        return Object.freeze({ broadcast, groups, id, entry });
      return Object.freeze({
        broadcast,
        groups,
        id,
        ...(entry === undefined ? {} : { entry }),
        ...(duplicate ? { duplicate } : due === undefined ? {} : { due }),
      });
    });
  }
}

const unchecked: Validation = { valid: true, value: undefined };

/** In milliseconds; absent: at once. */
function delayIn({ delay, at }: PublishOptions, now: number): number | undefined {
  if (delay !== undefined) return Math.max(0, toMilliseconds(delay));
  return at === undefined ? undefined : Math.max(0, at.getTime() - now);
}

const mistakeInOptions = (contract: AnyContract, options: PublishOptions): BelfryError | undefined =>
  mistakeIn('publish', contract, options, ['id', 'delay', 'at']) ?? mistakeInIdOrDelay(contract, options);

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
