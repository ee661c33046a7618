import type { Bus, Middleware } from '@belfry/core';
import type { Logger } from '../logger.js';
import type { HealthConfig } from './health-options.js';
import { HealthServer } from './health-server.js';
import type { Metrics } from './metrics.js';

/** Whose health it is. */
export interface Patient {
  readonly name: string;
  readonly bus: Bus;
  readonly logger: Logger;
  /** Why no work must be expected of it now, in a word; `undefined`: it is ready. */
  readonly notReady: () => string | undefined;
}

/** The health port of one service, and what it counts for it. */
export class ServiceHealth {
  readonly #config: HealthConfig;
  #metrics: Metrics | undefined;
  #server: HealthServer | undefined;

  constructor(config: HealthConfig) {
    this.#config = config;
  }

  get url(): string | undefined {
    return this.#server?.url;
  }

  /** Counts what goes through it from {@link listen} on. */
  readonly middleware: Middleware = (call, next) =>
    this.#metrics === undefined ? next() : this.#metrics.middleware(call, next);

  /** @throws BelfryError `HEALTH_PORT_UNAVAILABLE` */
  async listen({ name, bus, logger, notReady }: Patient): Promise<void> {
    // Only now: prom-client takes a while to load, and most services have no health port.
    const { Metrics } = await import('./metrics.js');
    const metrics = new Metrics({ service: name, bus, ready: () => notReady() === undefined });
    this.#metrics = metrics;
    this.#server = new HealthServer({
      ...this.#config,
      service: name,
      notReady,
      metrics: async () => (await metrics.text()) + (await this.#more(name, logger)),
      logger,
    });
    await this.#server.listen();
  }

  /** What runs now stays counted when it has ended. */
  look(): void {
    this.#metrics?.look();
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  async #more(name: string, logger: Logger): Promise<string> {
    try {
      return (await this.#config.metrics?.()) ?? '';
    } catch (error) {
      logger.error({ err: error }, `The metrics that ${name} adds itself could not be had.`);
      return '';
    }
  }
}
