import {
  type AnyContract,
  BelfryError,
  type Duration,
  isContract,
  isDuration,
  isRequest,
  toMilliseconds,
  unknownOptions,
} from '@belfry/contracts';
import type { BroadcastOnlyOptions, HandlingOptions, SubscribeOptions } from './bus.js';
import { type Clock, systemClock } from './clock.js';
import type { DropPolicy } from './delivery-queue.js';
import { type RetryPolicy, resolveRetry } from './durable/retry.js';
import { consoleLogger, type Logger } from './logger.js';
import { memoryTransport } from './memory/memory-transport.js';
import type { Middleware } from './middleware.js';
import type { TransportFactory } from './transport.js';
import type { Emitted } from './usage.js';

/** What {@link createBus} is told. */
export interface BusOptions {
  /** `memory:` or `memory:name`: within this process. Other URLs are known to the `belfry` package's `createBus`. */
  readonly url?: string;
  /** Instead of a URL: what makes the transport, for example `redisTransport({ url })` of `@belfry/redis`. */
  readonly transport?: TransportFactory;
  /** The service's name, and so the default group: buses of one name share the work. Letters, digits, `.`, `_`, `-`. @default 'app' */
  readonly name?: string;
  /** Prefix of every channel and key, so that environments and tenants can share one Redis without meeting. @default 'belfry' */
  readonly namespace?: string;
  /** Where warnings and errors go. A pino logger fits. @default the console, from warnings up */
  readonly logger?: Logger;
  /** Whether data are checked against the contract's schema. Without the check on receiving, handlers get the data as they came. @default both */
  readonly validate?: boolean | { readonly publish?: boolean; readonly receive?: boolean };
  /** Goes around every publish and every handler; the first is the outermost. @default none */
  readonly middleware?: readonly Middleware[];
  /**
   * What it publishes and asks, so far as that is known: `open()`, and the start of a service, ask whether the broker lets it, and `accessRules()`
   * prints the rights for it. It may publish and ask anything else, too, if the broker lets it. @default none
   */
  readonly emits?: readonly Emitted[];
  /** Publish every event on its public channel too, for programs that know nothing of Belfry. @default true */
  readonly publicChannels?: boolean;
  /**
   * For development: a handler's error reaches the caller with its message and stack, as the `cause` of `HANDLER_FAILED`. They may tell
   * secrets. @default false
   */
  readonly exposeErrors?: boolean;
  /** A larger message is neither published nor handled. Counts the encoded envelope. @default 1_048_576 */
  readonly maxMessageBytes?: number;
  /** @default the system's */
  readonly clock?: Clock;
}

export interface ResolvedBusOptions {
  readonly name: string;
  readonly namespace: string;
  readonly transport: TransportFactory;
  readonly logger: Logger;
  readonly validate: { readonly publish: boolean; readonly receive: boolean };
  readonly middleware: readonly Middleware[];
  readonly emits: readonly Emitted[];
  readonly publicChannels: boolean;
  readonly exposeErrors: boolean;
  readonly maxMessageBytes: number;
  readonly clock: Clock;
}

const busOptions = [
  'url',
  'transport',
  'name',
  'namespace',
  'logger',
  'validate',
  'middleware',
  'emits',
  'publicChannels',
  'exposeErrors',
  'maxMessageBytes',
  'clock',
];
const handlingOptions = ['concurrency', 'maxQueuedMessages', 'maxQueuedBytes'];

/** Every mistake at once. */
class Mistakes {
  readonly #found: string[] = [];

  check(right: boolean, mistake: string): void {
    if (!right) this.#found.push(mistake);
  }

  unknown(options: object, known: readonly string[]): void {
    this.#found.push(...unknownOptions(options, known));
  }

  throwIfAny(of: string): void {
    if (this.#found.length > 0)
      throw new BelfryError('OPTION_INVALID', { message: `${of}: ${this.#found.join('; ')}.` });
  }
}

const isName = (value: unknown): boolean => typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(value);
const isNamespace = (value: unknown): boolean =>
  typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9._:-]*$/.test(value);
const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 1;
const hasMethods = (value: unknown, names: readonly string[]): boolean =>
  names.every((name) => typeof (value as Record<string, unknown> | null | undefined)?.[name] === 'function');
const isBoolean = (value: unknown): boolean => typeof value === 'boolean';

/** @throws BelfryError `OPTION_INVALID` */
export function resolveBusOptions(options: BusOptions): ResolvedBusOptions {
  const {
    url,
    transport,
    name = 'app',
    namespace = 'belfry',
    logger = consoleLogger,
    validate = true,
    middleware = [],
    emits = [],
    publicChannels = true,
    exposeErrors = false,
    maxMessageBytes = 1_048_576,
    clock = systemClock,
  } = options ?? {};
  const { publish = true, receive = true } =
    typeof validate === 'boolean' ? { publish: validate, receive: validate } : (validate ?? {});
  const mistakes = new Mistakes();
  mistakes.unknown(options ?? {}, busOptions);
  mistakes.check(url === undefined || typeof url === 'string', 'url must be a text');
  mistakes.check(
    transport === undefined || typeof transport === 'function',
    'transport must be a factory, like redisTransport({ url })',
  );
  mistakes.check(
    (url === undefined) !== (transport === undefined),
    "one of url and transport must be given: url: 'memory:' stays within this process",
  );
  mistakes.check(isName(name), `name must be letters, digits, ., _ and -, not ${JSON.stringify(name)}`);
  mistakes.check(
    isNamespace(namespace),
    `namespace must be letters, digits, ., _, : and -, not ${JSON.stringify(namespace)}`,
  );
  mistakes.check(
    hasMethods(logger, ['debug', 'info', 'warn', 'error']),
    'logger must have the methods debug, info, warn and error',
  );
  mistakes.check(hasMethods(clock, ['now', 'after']), 'clock must have the methods now and after');
  mistakes.check(
    isBoolean(validate) ||
      (typeof validate === 'object' && validate !== null && isBoolean(publish) && isBoolean(receive)),
    'validate must be true, false or { publish, receive }',
  );
  if (typeof validate === 'object' && validate !== null) mistakes.unknown(validate, ['publish', 'receive']);
  mistakes.check(
    Array.isArray(middleware) && middleware.every((layer) => typeof layer === 'function'),
    'middleware must be a list of functions',
  );
  mistakes.check(
    Array.isArray(emits) && emits.every((contract) => isContract(contract) || isRequest(contract)),
    'emits must be a list of contracts, like [OrderPlaced]',
  );
  mistakes.check(isBoolean(publicChannels), 'publicChannels must be true or false');
  mistakes.check(isBoolean(exposeErrors), 'exposeErrors must be true or false');
  mistakes.check(isCount(maxMessageBytes), 'maxMessageBytes must be a whole number from 1');
  mistakes.throwIfAny('createBus');
  return {
    name,
    namespace,
    transport: transport ?? transportFor(url as string),
    logger,
    validate: { publish, receive },
    middleware,
    emits,
    publicChannels,
    exposeErrors,
    maxMessageBytes,
    clock,
  };
}

function transportFor(url: string): TransportFactory {
  if (url === 'memory:' || url.startsWith('memory:')) return memoryTransport(url);
  throw new BelfryError('TRANSPORT_UNKNOWN', {
    message: `core has no transport for ${/^[a-z+]+:/i.exec(url)?.[0] ?? 'such'} URLs.`,
    hint: "Use createBus of the 'belfry' package, or give transport: redisTransport({ url }).",
  });
}

/** How one subscription or responder handles what it gets. */
export interface ResolvedHandlingOptions {
  readonly concurrency: number;
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
}

/** What is said about durable events alone; durations in milliseconds. */
export interface ResolvedDurableOptions {
  readonly retry: RetryPolicy;
  readonly claimTimeout: number;
  readonly from: 'start' | 'now';
  readonly once: number | undefined;
}

/** `group` is absent for a broadcast. */
export interface ResolvedSubscribeOptions extends ResolvedHandlingOptions {
  readonly drop: DropPolicy;
  readonly group: string | undefined;
  readonly durable: ResolvedDurableOptions;
}

const durableOptions = ['retry', 'claimTimeout', 'from', 'once'] as const;
/** A shorter one would take entries from instances that are well. */
const SHORTEST_CLAIM_TIMEOUT = 100;

/** @throws BelfryError `OPTION_INVALID` */
export function resolveSubscribeOptions(
  title: string,
  options: SubscribeOptions | BroadcastOnlyOptions,
  defaultGroup: string,
  contracts: readonly AnyContract[],
): ResolvedSubscribeOptions {
  const { group, broadcast, drop = 'newest' }: SubscribeOptions = options;
  const broadcastOnly = contracts.length === 0 || contracts.some(({ kind }) => kind === 'channel');
  const mistakes = new Mistakes();
  mistakes.check(
    !('recover' in options),
    `recover is said in the contract, ${contracts.length === 0 ? 'and a pattern has none: subscribe to the contracts themselves' : 'not here'}`,
  );
  mistakes.unknown(options, ['group', 'broadcast', 'drop', 'recover', ...handlingOptions, ...durableOptions]);
  mistakes.check(
    group === undefined || isName(group),
    `group must be letters, digits, ., _ and -, not ${JSON.stringify(group)}`,
  );
  mistakes.check(broadcast === undefined || isBoolean(broadcast), 'broadcast must be true or false');
  mistakes.check(
    !(broadcast && group !== undefined),
    'broadcast and group exclude each other: every instance, or one of a group',
  );
  mistakes.check(
    !broadcastOnly || (group === undefined && broadcast !== false),
    'bare channels and patterns are always broadcast: they have no group',
  );
  const handling = handlingOf(options, mistakes);
  const isDurable = contracts.some((contract) => contract.kind === 'event' && contract.guarantee === 'durable');
  const durable = durableOf(options, isDurable, mistakes);
  mistakes.check(drop === 'newest' || drop === 'oldest', "drop must be 'newest' or 'oldest'");
  mistakes.throwIfAny(`subscription to ${title}`);
  return { group: broadcastOnly || broadcast ? undefined : (group ?? defaultGroup), drop, ...handling, durable };
}

function durableOf(options: SubscribeOptions, isDurable: boolean, mistakes: Mistakes): ResolvedDurableOptions {
  const { retry, claimTimeout = '30s', from = 'start', once, broadcast } = options;
  for (const name of durableOptions) {
    if (options[name] === undefined) continue;
    mistakes.check(isDurable, `${name} is for durable events, and none of these is one`);
    mistakes.check(!broadcast || name === 'retry', `${name} is for groups, and a broadcast has none`);
  }
  const policy = resolveRetry(retry, (mistake) => mistakes.check(false, mistake));
  const timeout = isDuration(claimTimeout) ? toMilliseconds(claimTimeout) : 0;
  mistakes.check(
    timeout >= SHORTEST_CLAIM_TIMEOUT,
    `claimTimeout must be a duration of at least ${SHORTEST_CLAIM_TIMEOUT} ms, like '30s'`,
  );
  mistakes.check(from === 'start' || from === 'now', "from must be 'start' or 'now'");
  mistakes.check(once === undefined || isDuration(once), "once must be a duration, like '1d'");
  return {
    retry: policy,
    claimTimeout: timeout,
    from,
    once: once === undefined || !isDuration(once) ? undefined : toMilliseconds(once as Duration),
  };
}

/** @throws BelfryError `OPTION_INVALID` */
export function resolveRespondOptions(title: string, options: HandlingOptions): ResolvedHandlingOptions {
  const mistakes = new Mistakes();
  mistakes.unknown(options, handlingOptions);
  const handling = handlingOf(options, mistakes);
  mistakes.throwIfAny(`responder to ${title}`);
  return handling;
}

function handlingOf(options: HandlingOptions, mistakes: Mistakes): ResolvedHandlingOptions {
  const { concurrency = 16, maxQueuedMessages = 100_000, maxQueuedBytes = 4_194_304 } = options;
  mistakes.check(isCount(concurrency), 'concurrency must be a whole number from 1');
  mistakes.check(isCount(maxQueuedMessages), 'maxQueuedMessages must be a whole number from 1');
  mistakes.check(isCount(maxQueuedBytes), 'maxQueuedBytes must be a whole number from 1');
  return { concurrency, maxQueuedMessages, maxQueuedBytes };
}
