import { BelfryError, isDuration, toMilliseconds, unknownOptions } from '@belfry/contracts';
import { type Logger as BusLogger, type BusOptions, createBus, type TransportFactory } from '@belfry/core';
import { Container, ContainerModule } from 'inversify';
import { type HealthConfig, resolveHealth } from './health/health-options.js';
import { type LogLevel, logLevels } from './pino-logger.js';
import { type Environment, type ServiceOptions, serviceOptionNames } from './service-options.js';
import { transportFor, withoutSecrets } from './transport-url.js';

/** What a service runs with: everything checked, every default filled in. */
export interface ServiceConfig extends Required<Pick<ServiceOptions, 'name' | 'handlers' | 'modules'>> {
  readonly container: Container | undefined;
  readonly bus: BusOptions & { readonly transport: TransportFactory };
  /** Where to, for logs; absent when a transport was given. */
  readonly url: string | undefined;
  /** Nobody said where to: so it is this process only. */
  readonly memoryByDefault: boolean;
  readonly logger: BusLogger | undefined;
  readonly logLevel: LogLevel;
  readonly drainTimeoutMs: number;
  /** Absent: there is no port. */
  readonly health: HealthConfig | undefined;
}

type Mistakes = string[];

/** @throws BelfryError `CONFIG_INVALID`, listing every mistake in options and environment, without secrets */
export function resolveServiceOptions(options: ServiceOptions, defaultEnv: Environment): ServiceConfig {
  const {
    name,
    handlers = [],
    modules = [],
    container,
    logger,
    drainTimeout = '10s',
    env = defaultEnv,
  } = options ?? {};
  const mistakes: Mistakes = unknownOptions(options ?? {}, serviceOptionNames);
  if (name === undefined) mistakes.push('name is missing: it names the service, and the group that its replicas share');
  if (!isListOf(handlers, (item) => typeof item === 'function'))
    mistakes.push('handlers must be a list of classes, like [Billing]');
  if (!isListOf(modules, (item) => item instanceof ContainerModule))
    mistakes.push('modules must be a list of ContainerModules, of the inversify that belfry exports');
  if (container !== undefined && !(container instanceof Container))
    mistakes.push('container must be a Container, of the inversify that belfry exports');
  if (logger !== undefined && !isLogger(logger))
    mistakes.push('logger must have the methods debug, info, warn and error, as one of pino has');
  if (!isDuration(drainTimeout)) mistakes.push("drainTimeout must be a duration, like '10s'");
  const health = resolveHealth(options?.health, env.BELFRY_HEALTH_PORT, mistakes);
  const logLevel = resolveLogLevel(env, mistakes);
  const destination = resolveDestination(options ?? {}, env, mistakes);
  const bus = resolveBus(options ?? {}, env, destination.transport, mistakes);
  if (mistakes.length > 0) {
    throw new BelfryError('CONFIG_INVALID', {
      message: `the service ${typeof name === 'string' ? name : '(without a name)'} cannot run with this configuration:\n${mistakes
        .map((mistake) => `- ${mistake}`)
        .join('\n')}`,
    });
  }
  return {
    name,
    handlers,
    modules,
    container,
    bus,
    url: destination.url === undefined ? undefined : withoutSecrets(destination.url),
    memoryByDefault: destination.memoryByDefault,
    logger,
    logLevel,
    drainTimeoutMs: toMilliseconds(drainTimeout),
    health,
  };
}

interface Destination {
  readonly transport: TransportFactory;
  readonly url: string | undefined;
  readonly memoryByDefault: boolean;
}

function resolveDestination(options: ServiceOptions, env: Environment, mistakes: Mistakes): Destination {
  const { transport, startup } = options;
  if (startup !== undefined && startup !== 'fail' && startup !== 'wait')
    mistakes.push("startup must be 'fail' or 'wait'");
  if (transport !== undefined) {
    if (typeof transport !== 'function') mistakes.push('transport must be a factory, like redisTransport({ client })');
    if (options.url !== undefined) mistakes.push('url and transport exclude each other');
    if (startup !== undefined) mistakes.push('startup belongs to a url; a transport is told when it is made');
    return { transport, url: undefined, memoryByDefault: false };
  }
  const { from, url } = whereTo(options, env);
  if (from === undefined && env.NODE_ENV === 'production')
    mistakes.push(
      'there is no URL: set BELFRY_URL or REDIS_URL, or the option url (in production there is no default)',
    );
  try {
    if (typeof url !== 'string') throw new BelfryError('OPTION_INVALID', { message: 'url must be a text.' });
    return { transport: transportFor(url, startup), url, memoryByDefault: from === undefined };
  } catch (error) {
    // One line, whatever is wrong with it.
    mistakes.push(`${from}: ${saidBy(error).replace(/^url\b/, 'it')}`);
    return { transport: transportFor('memory:'), url: undefined, memoryByDefault: false };
  }
}

function whereTo(
  options: ServiceOptions,
  env: Environment,
): { readonly from: string | undefined; readonly url: string } {
  if (options.url !== undefined) return { from: 'the option url', url: options.url };
  for (const from of ['BELFRY_URL', 'REDIS_URL']) {
    const url = env[from];
    if (url) return { from, url };
  }
  return { from: undefined, url: 'memory:' };
}

/** Asks core: a bus is built with these options, and not used. */
function resolveBus(
  options: ServiceOptions,
  env: Environment,
  transport: TransportFactory,
  mistakes: Mistakes,
): ServiceConfig['bus'] {
  const { name, emits, validate, middleware, publicChannels, maxMessageBytes, exposeErrors, clock } = options;
  const namespace = options.namespace ?? (env.BELFRY_NAMESPACE || undefined);
  const checked = defined({
    name,
    namespace,
    emits,
    validate,
    middleware,
    publicChannels,
    maxMessageBytes,
    exposeErrors,
    clock,
  });
  try {
    createBus({ ...checked, url: 'memory:' });
  } catch (error) {
    const source = options.namespace === undefined ? 'BELFRY_NAMESPACE' : 'namespace';
    const found = saidBy(error).split('; '); // core lists several: `this; that`
    mistakes.push(...found.map((mistake) => mistake.replace(/^namespace\b/, source)));
  }
  return { ...checked, transport };
}

function resolveLogLevel(env: Environment, mistakes: Mistakes): LogLevel {
  const level = env.LOG_LEVEL?.toLowerCase() || 'info';
  if (isLogLevel(level)) return level;
  mistakes.push(`LOG_LEVEL must be one of ${logLevels.join(', ')}, not ${JSON.stringify(env.LOG_LEVEL)}`);
  return 'info';
}

const isLogLevel = (level: string): level is LogLevel => (logLevels as readonly string[]).includes(level);

const isListOf = (value: unknown, fits: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(fits);

const isLogger = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  ['debug', 'info', 'warn', 'error'].every((level) => typeof (value as Record<string, unknown>)[level] === 'function');

/** Without what is undefined: an option that is not given is absent. */
const defined = <T extends object>(options: T): T =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;

/** What an error of another package says, without `CODE: where: `. */
function saidBy(error: unknown): string {
  if (!BelfryError.is(error)) throw error;
  return error.message
    .slice(error.code.length + 2)
    .replace(/^(createBus|redisTransport): /, '')
    .replace(/\.$/, '');
}
