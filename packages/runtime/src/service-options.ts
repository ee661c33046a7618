import type { Duration } from '@belfry/contracts';
import type { Logger as BusLogger, BusOptions, TransportFactory } from '@belfry/core';
import type { HandlerClass } from '@belfry/handlers';
import type { Container, ContainerModule } from 'inversify';
import type { HealthOptions } from './health/health-options.js';
import type { Startup } from './transport-url.js';

/** What `createService` and `runService` are told. What is absent comes from the environment, then from the defaults. */
export interface ServiceOptions
  extends Pick<
    BusOptions,
    'emits' | 'validate' | 'middleware' | 'publicChannels' | 'maxMessageBytes' | 'exposeErrors' | 'clock'
  > {
  /** The service's name, and so the default group: replicas share the work. Letters, digits, `.`, `_`, `-`. */
  readonly name: string;
  /** Classes with decorated methods. They need not be bound anywhere. @default none */
  readonly handlers?: readonly HandlerClass[];
  /** Loaded into the container before the handlers are made. @default none */
  readonly modules?: readonly ContainerModule[];
  /** A container of yours: the service's own is its child, and sees what is bound there. It is left alone when the service stops. */
  readonly container?: Container;
  /**
   * `redis://user:password@host:6379/0`, `rediss://…` for TLS, `redis+cluster://…` for a Cluster, `redis+sentinel://…` for Sentinels, or `memory:` within this process.
   * @default `BELFRY_URL`, then `REDIS_URL`; outside production `memory:`, with a warning; in production there is no default
   */
  readonly url?: string;
  /** Instead of a URL, for example `redisTransport({ client })`. */
  readonly transport?: TransportFactory;
  /** When nobody answers at the URL: `fail` within 5 s, `TRANSPORT_UNAVAILABLE`, or `wait` until somebody does. @default 'fail' */
  readonly startup?: Startup;
  /** Prefix of every channel and key. @default `BELFRY_NAMESPACE`, then `belfry` */
  readonly namespace?: string;
  /** Instead of Belfry's own, which is pino: pretty on a terminal, JSON otherwise, from the level in `LOG_LEVEL` (`info`) up. */
  readonly logger?: BusLogger;
  /** What `stop()` gives messages that have arrived, requests too; then they are given up. @default '10s' */
  readonly drainTimeout?: Duration;
  /**
   * A port beside the messages, with `/health/live`, `/health/ready` and `/metrics`; `false`: none, whatever the environment says.
   * @default `BELFRY_HEALTH_PORT`; none without it
   */
  readonly health?: HealthOptions | false;
  /** Where the configuration comes from. @default process.env */
  readonly env?: Environment;
}

/** Variables by name. An empty one counts as absent. */
export type Environment = Readonly<Record<string, string | undefined>>;

// The compiler holds this list and the interface together.
const known: Record<keyof ServiceOptions, true> = {
  name: true,
  handlers: true,
  modules: true,
  container: true,
  url: true,
  transport: true,
  startup: true,
  namespace: true,
  logger: true,
  emits: true,
  validate: true,
  middleware: true,
  publicChannels: true,
  maxMessageBytes: true,
  exposeErrors: true,
  clock: true,
  drainTimeout: true,
  health: true,
  env: true,
};

/** The name of every option. */
export const serviceOptionNames: readonly string[] = Object.keys(known);
