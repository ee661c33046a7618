import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BelfryError } from '@belfry/contracts';
import type { Logger } from '../logger.js';
import type { HealthConfig } from './health-options.js';

export interface HealthServerOptions extends Pick<HealthConfig, 'port' | 'host'> {
  /** The service's name. */
  readonly service: string;
  /** Why no work must be expected of it now, in a word; `undefined`: it is ready. */
  readonly notReady: () => string | undefined;
  /** In Prometheus's text format. */
  readonly metrics: () => Promise<string>;
  readonly logger: Logger;
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A probe says what it wants at once; who takes longer holds a connection for nothing. */
const REQUEST_MS = 5_000;
/** Of probes and scrapers there are a few. */
const MOST_CONNECTIONS = 100;

/** Serves `/health/live`, `/health/ready` and `/metrics`, and nothing that anybody has sent. */
export class HealthServer {
  readonly #options: HealthServerOptions;
  readonly #server: Server;
  #listening: Promise<unknown> | undefined;

  constructor(options: HealthServerOptions) {
    this.#options = options;
    const limits = { headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS, connectionsCheckingInterval: 1000 };
    this.#server = createServer(limits, (request, response) => void this.#answer(request, response));
    this.#server.maxConnections = MOST_CONNECTIONS;
  }

  /** Where it listens; `undefined`: it does not. */
  get url(): string | undefined {
    const address = this.#server.address() as AddressInfo | null;
    if (address === null) return undefined;
    const everywhere = address.address === '::' || address.address === '0.0.0.0';
    const host = everywhere ? 'localhost' : address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `http://${host}:${address.port}`;
  }

  /** @throws BelfryError `HEALTH_PORT_UNAVAILABLE` */
  async listen(): Promise<void> {
    const { port, host, service, logger } = this.#options;
    this.#listening = once(this.#server, 'listening');
    this.#server.listen(host === undefined ? { port } : { port, host });
    try {
      await this.#listening;
    } catch (error) {
      throw unavailable(this.#options, error as NodeJS.ErrnoException);
    }
    this.#server.on('error', (error) => logger.error({ err: error }, `The health port of ${service} has an error.`));
  }

  /** Ends every connection. Never rejects, and may be called before and while it begins to listen. */
  async close(): Promise<void> {
    await this.#listening?.catch(() => {});
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve()); // with an error when it does not listen: then there is nothing to do
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume(); // a body is not read, but must go by
    const page = await this.#page(request).catch((error: unknown) => {
      this.#options.logger.error({ err: error }, `A page of the health port of ${this.#options.service} failed.`);
      return json(500, { error: 'It cannot be said. The log says why.' });
    });
    response.writeHead(page.status, {
      'content-type': page.type,
      'content-length': Buffer.byteLength(page.body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...page.headers,
    });
    response.end(request.method === 'HEAD' ? undefined : page.body);
  }

  async #page({ method, url = '' }: IncomingMessage): Promise<Page> {
    const { service, notReady, metrics } = this.#options;
    const path = url.split('?', 1)[0] as string;
    if (!PATHS.includes(path)) return json(404, { error: `There are ${PATHS.join(', ')}.` });
    if (method !== 'GET' && method !== 'HEAD')
      return { ...json(405, { error: 'There are GET and HEAD.' }), headers: { allow: 'GET, HEAD' } };
    if (path === '/metrics') return { status: 200, type: PROMETHEUS, body: await metrics() };
    if (path === '/health/live') return json(200, { status: 'live', service });
    const reason = notReady();
    return reason === undefined
      ? json(200, { status: 'ready', service })
      : json(503, { status: 'not ready', reason, service });
  }
}

const PATHS = ['/health/live', '/health/ready', '/metrics'];

/** https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';

const json = (status: number, body: object): Page => ({
  status,
  type: 'application/json; charset=utf-8',
  body: `${JSON.stringify(body)}\n`,
});

const because: Record<string, string> = {
  EADDRINUSE: 'it is in use',
  EACCES: 'this process may not use it',
  EADDRNOTAVAIL: 'the host is no address of this machine',
  ENOTFOUND: 'nobody knows the host',
};

function unavailable(
  { service, host, port }: HealthServerOptions,
  error: NodeJS.ErrnoException,
): BelfryError<'HEALTH_PORT_UNAVAILABLE'> {
  const where = host === undefined ? `port ${port}` : `port ${port} of ${host}`;
  return new BelfryError('HEALTH_PORT_UNAVAILABLE', {
    message: `${service} cannot serve its health at ${where}: ${because[error.code ?? ''] ?? error.message}.`,
    hint: 'Choose another one with health: { port } or BELFRY_HEALTH_PORT. Several services in one process need a port each, or health: false.',
    cause: error,
  });
}
