// The system of a soak: a Redis of its own, and processes that reach it through a proxy each.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type RedisServer, startProxy, startRedis, type TcpProxy, uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { logKey } from '../../src/names.js';
import { Book } from './book.js';
import { Logged, type Role } from './contracts.js';
import { DiaryReader } from './diary.js';

const script = fileURLToPath(new URL('./process.ts', import.meta.url));
const root = fileURLToPath(new URL('../../../..', import.meta.url));

/** How many processes do what. */
const crew: readonly (readonly [Role, number])[] = [
  ['audience', 2],
  ['member', 3],
  ['responder', 2],
  ['publisher', 2],
];

/** A process that does not stop within so long is stuck. Draining has ten seconds. */
const STOP_MS = 20_000;
/** Generously, for a machine that is busy with other things. */
const READY_MS = 90_000;

/** One process. */
class Life {
  readonly exited: Promise<void>;
  /** Somebody has ended it. */
  isExpected = false;
  readonly #process: ChildProcess;
  readonly #ready: Promise<unknown>;

  constructor(
    readonly name: string,
    readonly diary: DiaryReader,
    args: readonly string[],
    onExit: (life: Life, code: string) => void,
  ) {
    this.#process = spawn(process.execPath, ['--conditions=@belfry/source', '--import', 'tsx', script, ...args], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#ready = once(this.#process, 'message');
    this.#ready.catch(() => {});
    this.exited = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => {
        onExit(this, signal ?? `exit code ${code}`);
        resolve();
      });
    });
  }

  /** Resolves once it does what it is there for, or has ended. */
  async ready(): Promise<void> {
    const isThere = await Promise.race([
      this.#ready.then(() => true),
      this.exited.then(() => true),
      sleep(READY_MS, false, { ref: false }),
    ]);
    if (!isThere) throw new Error(`${this.name} is not ready after ${READY_MS} ms.`);
  }

  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.isExpected = true;
    this.#process.kill(signal);
    return this.exited;
  }
}

/** A place in the system: one process after the other, on one way to Redis. */
export class Slot {
  #life: Life | undefined;
  #lives = 0;

  constructor(
    readonly system: System,
    readonly role: Role,
    readonly name: string,
    readonly proxy: TcpProxy,
  ) {}

  get lives(): number {
    return this.#lives;
  }

  async start(): Promise<void> {
    if (this.system.isStopped) return;
    const name = `${this.name}.${++this.#lives}`;
    const { system } = this;
    const path = join(system.folder, name);
    const life = new Life(
      name,
      new DiaryReader(path),
      [this.role, this.name, this.proxy.url, system.namespace, path, String(system.seed + this.#lives)],
      (ended, how) => this.#ended(ended, how),
    );
    this.#life = life;
    await life.ready();
  }

  async kill(): Promise<void> {
    const at = Date.now();
    await this.#life?.end('SIGKILL');
    this.system.book.troubles.push({ slot: this.name, why: 'killed', from: at, to: Date.now() });
  }

  /** Lets it come to its end by itself. */
  async drain(): Promise<void> {
    const life = this.#life;
    if (life === undefined) return;
    const isDone = await Promise.race([life.end('SIGTERM').then(() => true), sleep(STOP_MS, false, { ref: false })]);
    if (isDone) return;
    this.system.book.recordOf(this.name).wrong.push(`${life.name} did not stop within ${STOP_MS} ms`);
    await life.end('SIGKILL');
  }

  /** Enters into the book what has been written down since the last call. */
  read(life = this.#life): void {
    if (life === undefined) return;
    for (const line of life.diary.read()) this.system.book.enter(this.name, life.name, line);
  }

  #ended(life: Life, how: string): void {
    this.read(life);
    const { book } = this.system;
    book.endOf(this.name, life.name, Date.now());
    const isFine = life.isExpected && (how === 'exit code 0' || how === 'SIGKILL');
    if (!isFine)
      book.recordOf(this.name).wrong.push(`${life.name} ended with ${how}${life.isExpected ? '' : ', by itself'}`);
    if (this.#life === life) this.#life = undefined;
  }
}

export class System {
  readonly book = new Book();
  readonly namespace = uniqueNamespace();
  readonly slots: Slot[] = [];
  #isStopped = false;

  private constructor(
    readonly seed: number,
    readonly folder: string,
    readonly redis: RedisServer,
  ) {}

  /** It ends: no process is started any more. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  static async start(seed: number): Promise<System> {
    // Whatever it has confirmed is there again after it was killed.
    const redis = await startRedis({ fresh: true, config: { appendonly: 'yes', appendfsync: 'always' } });
    return new System(seed, await mkdtemp(join(tmpdir(), 'belfry-soak-')), redis);
  }

  /** Starts all processes; the publishers last. */
  async launch(): Promise<void> {
    for (const [role, count] of crew) {
      for (let number = 1; number <= count; number++) {
        this.slots.push(new Slot(this, role, `${role}${number}`, await startProxy({ url: this.redis.url })));
      }
    }
    await Promise.all(this.#not('publisher').map((slot) => slot.start()));
    await Promise.all(this.those('publisher').map((slot) => slot.start()));
  }

  those(role: Role): readonly Slot[] {
    return this.slots.filter((slot) => slot.role === role);
  }

  read(): void {
    for (const slot of this.slots) slot.read();
  }

  /** Reads what is in the log of the durable event. */
  async readLog(): Promise<void> {
    const ids: string[] = [];
    await this.asAdmin(async (redis) => {
      for (let after = '-', part = 1; part > 0; ) {
        const entries = await redis.xrange(logKey(`${this.namespace}:${Logged.channel}`), after, '+', 'COUNT', 1000);
        part = entries.length;
        for (const [entry, fields] of entries) {
          after = `(${entry}`;
          ids.push(JSON.parse(fields[fields.indexOf('e') + 1] as string).data.id);
        }
      }
    });
    this.book.log = ids;
  }

  /** Gives a connection to Redis that no proxy disturbs. */
  async asAdmin(work: (redis: Redis) => Promise<unknown>): Promise<void> {
    const redis = new Redis(this.redis.url, { lazyConnect: true, retryStrategy: () => null, commandTimeout: 10_000 });
    redis.on('error', () => {});
    try {
      await redis.connect();
      await work(redis);
    } finally {
      redis.disconnect();
    }
  }

  async drain(...roles: Role[]): Promise<void> {
    await Promise.all(roles.flatMap((role) => this.those(role)).map((slot) => slot.drain()));
  }

  /** Ends whatever is left, and leaves nothing behind. Does nothing the second time. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    await Promise.all(this.slots.map((slot) => slot.kill()));
    await Promise.all(this.slots.map(({ proxy }) => proxy.stop()));
    await this.redis.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  #not(role: Role): readonly Slot[] {
    return this.slots.filter((slot) => slot.role !== role);
  }
}
