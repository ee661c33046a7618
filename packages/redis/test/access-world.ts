// Users of one Redis who have the generated rights, and nothing else.
import { type Bus, type BusOptions, createBus, type Usage } from '@belfry/core';
import { type RedisServer, startRedis, uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { accessRules, redisTransport } from '../src/index.js';
import { collectingLogger } from './world.js';

/** A server with users who may do next to nothing. */
export class Access implements AsyncDisposable {
  readonly #buses: Bus[] = [];
  readonly #clients: Redis[] = [];

  private constructor(
    private readonly server: RedisServer,
    readonly admin: Redis,
    readonly namespace: string,
  ) {}

  static async start(): Promise<Access> {
    const server = await startRedis({ fresh: true });
    return new Access(server, new Redis(server.url), uniqueNamespace());
  }

  /** Gives a user the rights for this, and no others. */
  async allow(user: string, usages: readonly Usage[], extra: readonly string[] = []): Promise<void> {
    const { rules } = accessRules({ user, usages, extra, password: PASSWORD });
    await this.admin.acl('SETUSER', user, ...rules);
  }

  urlOf(user: string): string {
    return this.server.url.replace('//', `//${user}:${PASSWORD}@`);
  }

  /** A bus of that user. */
  bus(user: string, options: Partial<BusOptions> = {}): Bus {
    const transport = redisTransport({ url: this.urlOf(user), heartbeat: '200ms' });
    const logger = collectingLogger();
    const bus = createBus({ name: user, namespace: this.namespace, logger, ...options, transport });
    this.#buses.push(bus);
    return bus;
  }

  /** A plain client of that user, or of one who may do everything. */
  client(user?: string): Redis {
    const url = user === undefined ? this.server.url : this.urlOf(user);
    const client = new Redis(url, { retryStrategy: null, protocol: 2, disableClientInfo: true });
    this.#clients.push(client.on('error', () => {}));
    return client;
  }

  /** What Redis has refused so far, as ACL LOG tells it: `user command-or-name`. */
  async refusals(): Promise<string[]> {
    const log = (await this.admin.acl('LOG', 1000)) as unknown[][];
    return log.map((fields) => {
      const of = new Map(Array.from({ length: fields.length / 2 }, (_, at) => [fields[at * 2], fields[at * 2 + 1]]));
      return `${of.get('username')} ${of.get('object')}`;
    });
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.#buses.splice(0).map((bus) => bus.close({ timeout: 100 })));
    for (const client of this.#clients.splice(0)) client.disconnect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeAll();
    this.admin.disconnect();
    await this.server.stop();
  }
}

const PASSWORD = 'wonderful';
