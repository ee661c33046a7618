import { BelfryError } from '@belfry/contracts';
import { type Bus, type Clock, type DrainReport, Publisher, Requester, settlesWithin, systemClock } from '@belfry/core';
import { type BoundHandler, bindHandlers } from '@belfry/handlers';
import { Container } from 'inversify';
import { createBus } from './create-bus.js';
import { ServiceHealth } from './health/service-health.js';
import { Logger, withContext } from './logger.js';
import { createPinoLogger } from './pino-logger.js';
import { resolveServiceOptions, type ServiceConfig } from './service-config.js';
import type { ServiceOptions } from './service-options.js';

/** Where a service is in its life. It goes through it once: a stopped service is not started again. */
export type ServiceStatus = 'created' | 'starting' | 'ready' | 'stopping' | 'stopped';

/** A named deployable in this process. Made by {@link createService}. */
export interface Service {
  readonly name: string;
  /** To publish and to ask, and to subscribe and respond by hand. */
  readonly bus: Bus;
  /** Holds the handlers, `Publisher`, `Requester` and `Logger`; a child of the container that was given. */
  readonly container: Container;
  readonly logger: Logger;
  readonly status: ServiceStatus;
  /**
   * For a readiness probe: true between start and stop, while the broker answers. That is known by the probe that goes round through Redis, not by a
   * socket that seems open: a dead connection shows within 10 s.
   */
  readonly ready: boolean;
  /** Where `/health/live`, `/health/ready` and `/metrics` are served, like `http://localhost:9464`; `undefined`: nowhere, or not yet, or not any more. */
  readonly healthUrl: string | undefined;
  /** Resolves when the service has stopped, for whatever reason. Never rejects. */
  readonly stopped: Promise<void>;
  /**
   * Loads the modules, makes the handlers, subscribes them to their events and lets them respond to their requests. Resolves once the broker
   * has confirmed it all. When it rejects, everything is closed again. May be called twice, but not after `stop()` or a start that failed.
   * @throws BelfryError what is wrong with the handlers (`HANDLER_INVALID`, `HANDLER_UNRESOLVED`, `DUPLICATE_HANDLER`, `OPTION_INVALID`,
   * `CONTRACT_INVALID`); `HEALTH_PORT_UNAVAILABLE`; `DUPLICATE_RESPONDER` when another service responds to one of the requests; `TRANSPORT_UNAVAILABLE` within 5 s when
   * nobody answers; `RIGHTS_MISSING` when the user of Redis may not do all that it handles and emits; `SUBSCRIBE_REFUSED`, `UNSUPPORTED`; `BUS_CLOSED` once the service stops or has stopped
   */
  start(): Promise<void>;
  /**
   * Leaves the groups, handles and answers what has arrived and what is in flight (for as long as `drainTimeout`), disconnects, and then
   * empties the container, which runs `onDeactivation` and `@preDestroy()`. May be called at any time, and twice.
   */
  stop(): Promise<DrainReport>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Builds a service from its options and the environment. Opens nothing yet.
 * @throws BelfryError `CONFIG_INVALID`, listing every mistake
 */
export const createService = (options: ServiceOptions): Service =>
  new RunningService(resolveServiceOptions(options, process.env));

class RunningService implements Service {
  readonly name: string;
  readonly bus: Bus;
  readonly container: Container;
  readonly logger: Logger;
  readonly stopped: Promise<void>;
  readonly #config: ServiceConfig;
  readonly #clock: Clock;
  readonly #health: ServiceHealth | undefined;
  readonly #resolveStopped: () => void;
  #status: ServiceStatus = 'created';
  #booting: Promise<void> | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<DrainReport> | undefined;

  constructor(config: ServiceConfig) {
    const { name, logger, logLevel, container, health } = config;
    this.name = name;
    this.#config = config;
    this.#health = health === undefined ? undefined : new ServiceHealth(health);
    const middleware = this.#health === undefined ? [] : [this.#health.middleware]; // the outermost: it sees what callers see
    const bus = { ...config.bus, middleware: [...middleware, ...(config.bus.middleware ?? [])] };
    this.#clock = bus.clock ?? systemClock;
    if (logger !== undefined) {
      this.logger = withContext(logger);
      this.bus = createBus({ ...bus, logger: this.logger });
    } else {
      const own = createPinoLogger({ service: name, level: logLevel, pretty: process.stdout.isTTY === true });
      this.logger = own;
      this.bus = createBus({ ...bus, logger: own });
      own.setBindings({ instance: this.bus.instance });
    }
    this.container = new Container(container === undefined ? {} : { parent: container });
    this.container.bind(Publisher).toConstantValue(this.bus);
    this.container.bind(Requester).toConstantValue(this.bus);
    this.container.bind(Logger).toConstantValue(this.logger);
    let resolveStopped = () => {};
    this.stopped = new Promise((resolve) => {
      resolveStopped = resolve;
    });
    this.#resolveStopped = resolveStopped;
  }

  get status(): ServiceStatus {
    return this.#status;
  }

  get ready(): boolean {
    return this.#status === 'ready' && this.bus.status !== 'interrupted' && this.bus.status !== 'closed';
  }

  get healthUrl(): string | undefined {
    return this.#health?.url;
  }

  start(): Promise<void> {
    if (this.#stopping !== undefined) return Promise.reject(this.#over());
    this.#starting ??= this.#start();
    return this.#starting;
  }

  stop(): Promise<DrainReport> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #start(): Promise<void> {
    this.#booting = this.#boot();
    try {
      await this.#booting;
    } catch (error) {
      await this.stop().catch(() => {}); // it has logged why; what is to be told is why the start failed
      throw error;
    }
  }

  async #boot(): Promise<void> {
    this.#status = 'starting';
    const { modules, handlers, memoryByDefault } = this.#config;
    if (memoryByDefault) {
      this.logger.warn(
        'There is no BELFRY_URL and no REDIS_URL: messages stay within this process (memory:). Set one of them to reach other processes.',
      );
    }
    const { name, bus, logger } = this;
    await this.#health?.listen({ name, bus, logger, notReady: () => this.#notReady() });
    this.#goOn();
    await this.container.loadAsync(...modules);
    this.#goOn();
    const bound = await bindHandlers(this.bus, this.container, handlers);
    this.#goOn();
    this.#status = 'ready';
    this.#tellReady(bound);
  }

  /** A start that stop() overtook ends here. */
  #goOn(): void {
    if (this.#stopping !== undefined) throw this.#over();
  }

  /** Why, in a word. */
  #notReady(): string | undefined {
    if (this.ready) return undefined;
    if (this.#status === 'ready') return this.bus.status; // interrupted, or closed by hand
    return this.#status === 'stopping' ? 'draining' : this.#status;
  }

  #over(): BelfryError {
    return new BelfryError('BUS_CLOSED', {
      message: `the service ${this.name} was stopped.`,
      hint: 'A service is started once, also when its start has failed; create another one.',
    });
  }

  #tellReady(bound: readonly BoundHandler[]): void {
    const subscriptions = bound
      .filter(({ kind }) => kind === 'subscribe')
      .map(({ title, group, place }) => ({
        contract: title,
        ...(group === undefined ? { broadcast: true } : { group }),
        handler: place,
      }));
    const responders = bound
      .filter(({ kind }) => kind === 'respond')
      .map(({ title, place }) => ({ contract: title, handler: place }));
    const list = bound.map((handler) => `${handler.title} → ${handler.place} (${shareOf(handler)})`);
    this.logger.info(
      {
        subscriptions,
        responders,
        namespace: this.bus.namespace,
        url: this.#config.url,
        ...(this.healthUrl === undefined ? {} : { health: this.healthUrl }),
      },
      `${this.name} is ready. ${list.length === 0 ? 'It handles nothing.' : `It handles ${list.join(', ')}.`}`,
    );
  }

  async #stop(): Promise<DrainReport> {
    const { drainTimeoutMs } = this.#config;
    const began = this.#clock.now();
    const level = this.#status === 'ready' ? 'info' : 'debug'; // of what has never begun, the end is no news
    this.#status = 'stopping';
    this.logger[level]({ drainTimeoutMs }, `${this.name} is stopping.`);
    this.#health?.look();
    try {
      const report = await this.bus.close({ timeout: drainTimeoutMs });
      if (this.#booting !== undefined) await settlesWithin(this.#clock, drainTimeoutMs, this.#booting);
      await this.container.unbindAllAsync();
      const fields = { durationMs: Math.round(this.#clock.now() - began), ...report };
      const handedOver =
        report.handedOver === 0 ? '' : ` It handed ${messages(report.handedOver)} over to other instances.`;
      if (report.abandoned === 0) this.logger[level](fields, `${this.name} has stopped.${handedOver}`);
      else
        this.logger.warn(fields, `${this.name} has stopped, and gave up ${messages(report.abandoned)}.${handedOver}`);
      return report;
    } catch (error) {
      this.logger.error({ err: error }, `${this.name} has stopped, but not everything could be closed.`);
      throw error;
    } finally {
      await this.#health?.close(); // last: until now it said that it drains
      this.#status = 'stopped';
      this.#resolveStopped();
    }
  }
}

/** In a word or two, which of the messages a handler gets. */
function shareOf({ kind, group }: BoundHandler): string {
  if (kind === 'respond') return 'responds';
  return group === undefined ? 'broadcast' : `group ${group}`;
}

const messages = (count: number): string => (count === 1 ? '1 message' : `${count} messages`);
