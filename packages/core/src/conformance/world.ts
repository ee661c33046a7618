import type { Bus } from '../bus.js';
import { createBus } from '../transport-bus.js';
import { systemClock } from '../clock.js';
import { newInstanceId } from '../identity.js';
import type { BusOptions } from '../options.js';
import type { Transport, TransportFactory } from '../transport.js';
import { RecordedLogger } from './recorded-logger.js';

/** What a test works with: a namespace of its own, and buses and transports that are closed when it is over. */
export class World {
  readonly namespace: string;
  /** What all of them log. */
  readonly logger = new RecordedLogger();
  readonly #create: () => TransportFactory | Promise<TransportFactory>;
  readonly #open: { close(): Promise<unknown> }[] = [];

  constructor(create: () => TransportFactory | Promise<TransportFactory>) {
    this.#create = create;
    this.namespace = `conformance:${newInstanceId()}`;
  }

  /** What makes a transport for one more bus. */
  async factory(): Promise<TransportFactory> {
    return this.#create();
  }

  /** Another instance of a service. */
  async bus(name = 'app', options: BusOptions = {}): Promise<Bus> {
    const transport = await this.#create();
    const bus = createBus({ transport, namespace: this.namespace, name, logger: this.logger, ...options });
    this.#open.push({ close: () => bus.close({ timeout: '2s' }) });
    return bus;
  }

  /** So many instances of a service. */
  buses(count: number, name?: string, options?: BusOptions): Promise<Bus[]> {
    return Promise.all(Array.from({ length: count }, () => this.bus(name, options)));
  }

  /** A transport without a bus. */
  async transport(service = 'raw', instance = newInstanceId()): Promise<Transport> {
    const factory = await this.#create();
    const transport = factory({ service, instance, logger: this.logger, clock: systemClock });
    this.#open.push(transport);
    return transport;
  }

  /** A channel's name on the wire, in this test's namespace. */
  channel({ channel }: { readonly channel: string }): string {
    return `${this.namespace}:${channel}`;
  }

  /** The same of a request. */
  requestChannel(request: { readonly channel: string }): string {
    return `${this.channel(request)}/request`;
  }

  async close(): Promise<void> {
    const closed = await Promise.allSettled(this.#open.map((each) => each.close()));
    for (const result of closed) if (result.status === 'rejected') throw result.reason;
  }
}
