import { type Clock, type Logger, settlesWithin, sleep, type Timer } from '@belfry/core';
import keySlotOf from 'cluster-key-slot';
import type { Redis } from 'ioredis';
import { explained } from './connection-failure.js';
import { causeOf, isMisdirected } from './failure.js';
import type { Link } from './link.js';
import type { Address, Server } from './server.js';
import { changesBetween, movedIn, nameOf, type SlotMap, toLayout } from './slot-map.js';
import type { Topology } from './topology.js';
import { Waiters } from './waiters.js';

export interface ClusterOptions {
  /** Nodes to ask first. */
  readonly seeds: readonly Address[];
  /** From the addresses that nodes have among themselves to those at which they are reached from here. */
  readonly translate: (address: Address) => Address;
  /** Makes a client for one question to a node. */
  readonly connect: (node: Address) => Redis;
  /** What this instance has with a server. */
  readonly toServer: (address: Address) => Server;
  /** Slots are served by others than before. */
  readonly changed: () => void;
  /** Nobody serves anything here any more: takes what still waited for it. */
  readonly abandoned: (server: Server) => void;
  /** For logs. */
  readonly address: string;
  readonly link: Link;
  /** Between two looks at who serves what, while nothing seems wrong, in milliseconds. */
  readonly interval: number;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Who is asked who serves what: it must not take longer, in milliseconds. */
const ANSWER_MS = 1000;
/** So soon it is asked again while something is wrong. */
const AGAIN_MS = 100;
/** For so long nothing is sent to a slot that has moved: subscribers follow meanwhile. */
const FOLLOW_MS = 200;
/** For so long nothing is sent to a slot that is moving, or has no server. */
const PAUSE_MS = 50;
/** For so long a server that serves nothing any more may answer what it was asked. */
const FAREWELL_MS = 2000;
/** After so many questions without an answer something is wrong; of a Cluster of more nodes, after as many as there are, but not after more than that. */
const FAILURES = 2;
const MOST_FAILURES = 6;
/** A refusal is so long the reason why nothing goes on. */
const RECENTLY_MS = 1000;
/** So many names are remembered with their slots. */
const MOST_NAMES = 10_000;

/**
 * A Redis Cluster: the servers that serve what this instance uses, each with connections of its own. Belfry finds its own way instead of using ioredis's
 * Cluster client, because that sends again what was refused in whatever order it comes back, and tells nobody when a subscription has moved.
 */
export class Cluster implements Topology {
  readonly isCluster = true;
  readonly #options: ClusterOptions;
  #map: SlotMap = [];
  #nodes: readonly Address[] = [];
  readonly #servers = new Map<string, Server>();
  readonly #leaving = new Set<Server>();
  readonly #waiters: Waiters;
  /** Until when nothing is sent to a slot. */
  readonly #unsettled = new Map<number, number>();
  readonly #slots = new Map<string, number>();
  #asking: Promise<void> | undefined;
  #timer: Timer | undefined;
  #next = 0;
  #lastError: unknown;
  /** What was said to whoever came last where a slot is moving, or is not served. */
  #lastRefusal: { readonly slot: number; readonly refusal: Error; readonly at: number } | undefined;
  /** Questions in a row that nobody answered as it should be. */
  #failures = 0;
  #downSince: number | undefined;
  #closed = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#waiters = new Waiters(options.clock);
  }

  get servers(): readonly Server[] {
    return [...this.#servers.values(), ...this.#leaving];
  }

  slotOf(name: string): number {
    let slot = this.#slots.get(name);
    if (slot === undefined) {
      if (this.#slots.size >= MOST_NAMES) this.#slots.clear();
      slot = keySlotOf(name);
      this.#slots.set(name, slot);
    }
    return slot;
  }

  serverOf(slot: number): Server | undefined {
    const name = this.#map[slot];
    if (name === undefined) return undefined;
    return this.#servers.get(name) ?? (this.#closed ? undefined : this.#begin(name));
  }

  serves(server: Server, slot: number): boolean {
    return this.#map[slot] === server.address;
  }

  uses(server: Server): boolean {
    return this.#servers.get(server.address) === server;
  }

  async located(slot: number, milliseconds: number): Promise<Server | undefined> {
    const { clock } = this.#options;
    const until = clock.now() + milliseconds;
    for (;;) {
      const server = this.#closed ? undefined : this.serverOf(slot);
      const left = until - clock.now();
      if (server !== undefined || this.#closed || left <= 0) return server;
      const woken = this.#waiters.wait(left);
      this.open();
      await woken;
    }
  }

  isSettled(slot: number): boolean {
    const until = this.#unsettled.get(slot);
    if (until === undefined) return true;
    if (this.#options.clock.now() < until) return false;
    this.#unsettled.delete(slot);
    return true;
  }

  open(): void {
    void this.#ask();
  }

  async lookAgain(first: Server): Promise<void> {
    await this.#asking; // what was asked before may be answered by somebody who knows less
    await this.#ask(first);
  }

  refused(server: Server, slot: number, refusal: Error): boolean {
    if (!isMisdirected(refusal)) return false;
    const { clock, link, translate } = this.#options;
    const moved = movedIn(refusal, addressIn(server.address), translate);
    // To itself: where several nodes are taken for one, because their addresses lead to the same server. To obey would be to ask it for ever.
    if (moved === undefined || nameOf(moved.to) === server.address) {
      this.#lastRefusal = { slot, refusal, at: clock.now() };
      this.#unsettled.set(slot, Math.max(this.#unsettled.get(slot) ?? 0, clock.now() + PAUSE_MS));
      link.stirred();
      void this.#ask();
    } else {
      // Not always the same slot: what is asked along with something, as the probe is, may lie in another one.
      if (this.#map[moved.slot] !== nameOf(moved.to)) {
        const map = [...this.#map];
        map[moved.slot] = nameOf(moved.to);
        this.#apply(map);
      }
      void this.lookAgain(server);
    }
    return true;
  }

  whyNot(slot: number): unknown {
    if (this.#map.length > 0 && this.#map[slot] === undefined)
      return new Error('no node of the Cluster serves its slot');
    const { refusal, at = 0 } = this.#lastRefusal?.slot === slot ? this.#lastRefusal : {};
    if (refusal !== undefined && this.#options.clock.now() - at < RECENTLY_MS) return refusal;
    const { address, commands } = this.serverOf(slot) ?? {};
    if (commands === undefined || commands.client !== undefined) return this.#lastError;
    return new Error(`${address}, which serves its slot: ${causeOf(commands.lastError)?.message ?? 'no answer'}`);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#waiters.wake();
    await this.#asking;
    await Promise.all(this.servers.map((server) => server.close()));
  }

  #begin(name: string): Server {
    const server = this.#options.toServer(addressIn(name));
    this.#servers.set(name, server);
    return server;
  }

  /** One question at a time. */
  #ask(first?: Server): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#asking ??= this.#look(first).finally(() => {
      this.#asking = undefined;
      this.#planNext();
    });
    return this.#asking;
  }

  #planNext(): void {
    if (this.#closed) return;
    const { clock, interval } = this.#options;
    const isWrong = this.#waiters.areThere || Array.from(this.#servers.values()).some(({ isAway }) => isAway);
    this.#timer?.cancel();
    this.#timer = clock.after(isWrong ? AGAIN_MS : interval, () => this.open(), isWrong ? undefined : 'background');
  }

  async #look(first: Server | undefined): Promise<void> {
    const { clock, translate } = this.#options;
    const nodes = [...this.#nodes, ...this.#options.seeds]; // all of the former may be gone
    const server = this.#askable(first);
    const node = server === undefined ? nodes[this.#next++ % nodes.length]! : addressIn(server.address);
    const asking = server?.commands.client === undefined ? this.#scout(node) : askClient(server.commands.client);
    try {
      if (!(await settlesWithin(clock, ANSWER_MS, asking))) throw new Error(`${nameOf(node)} does not answer`);
      const [info, reply] = await asking;
      const layout = toLayout(reply, node, translate);
      if (layout.nodes.length === 0) throw new Error(`${nameOf(node)} knows nobody who serves anything`);
      // Cut off from most of the others it knows nothing of what they have decided since.
      if (this.#map.length > 0 && !info.includes('cluster_state:ok'))
        throw new Error(`${nameOf(node)} says that the Cluster is down`);
      this.#nodes = layout.nodes;
      this.#lastError = undefined;
      this.#reportBack();
      if (!this.#closed) this.#apply(layout.slots);
    } catch (error) {
      this.#lastError = error;
      this.#reportLoss();
    }
  }

  // One line per outage, and one when it is over. One node that does not answer is none: another one is asked.
  #reportLoss(): void {
    const { address, logger, clock } = this.#options;
    if (this.#closed || ++this.#failures < this.#tolerated || this.#downSince !== undefined) return;
    this.#downSince = clock.now();
    const reason = causeOf(this.#lastError)?.message;
    logger.warn({ address, reason }, 'No node of the Redis Cluster says who serves what; trying again.');
  }

  get #tolerated(): number {
    const nodes = [...this.#nodes, ...this.#options.seeds].map(nameOf);
    return Math.min(Math.max(FAILURES, new Set(nodes).size), MOST_FAILURES);
  }

  #reportBack(): void {
    const { address, logger, clock } = this.#options;
    if (this.#downSince !== undefined)
      logger.info({ address, outageMs: clock.now() - this.#downSince }, 'The Redis Cluster is back.');
    this.#downSince = undefined;
    this.#failures = 0;
  }

  /** A server to ask: the one that knows more, or any that is there, by turns, because one that is cut off from the rest knows less. */
  #askable(first: Server | undefined): Server | undefined {
    if (first?.commands.client !== undefined) return first;
    const there = Array.from(this.#servers.values()).filter(({ commands }) => commands.client !== undefined);
    return there[this.#next++ % Math.max(1, there.length)];
  }

  /** Asks a node that this instance has no connection to. */
  async #scout(node: Address): Promise<Asked> {
    const client = this.#options.connect(node);
    // A node that stands still would hold it for ever.
    const giveUp = this.#options.clock.after(ANSWER_MS, () => client.disconnect());
    let reason: unknown;
    client.on('error', (error) => {
      reason ??= explained(error, client); // connect() rejects without it
    });
    try {
      await client.connect();
      return await askClient(client);
    } catch (error) {
      throw reason ?? explained(error as Error, client);
    } finally {
      giveUp.cancel();
      client.disconnect();
    }
  }

  #apply(map: SlotMap): void {
    const { clock, link, changed, abandoned } = this.#options;
    const changes = changesBetween(this.#map, map);
    this.#map = map;
    this.#waiters.wake();
    if (changes.size === 0) return;
    const until = clock.now() + FOLLOW_MS;
    for (const slot of changes) this.#unsettled.set(slot, until);
    link.stirred();
    const serving = new Set(map);
    const idle = Array.from(this.#servers).filter(([name]) => !serving.has(name));
    for (const [name, server] of idle) {
      this.#servers.delete(name);
      this.#leaving.add(server);
    }
    changed(); // before anybody leaves: what was connected is not back until everything has followed
    for (const [, server] of idle) void this.#leave(server);
    for (const server of this.servers) abandoned(server);
  }

  async #leave(server: Server): Promise<void> {
    const { clock, abandoned } = this.#options;
    const until = clock.now() + FAREWELL_MS;
    while (!server.isAway && !server.sender.isIdle && clock.now() < until) await sleep(clock, AGAIN_MS);
    await server.disconnect();
    this.#leaving.delete(server);
    abandoned(server);
  }
}

/** How the Cluster is, and who serves what, as one node sees it. */
type Asked = readonly [info: string, slots: unknown];

const askClient = async (client: Redis): Promise<Asked> =>
  Promise.all([client.cluster('INFO').then(String), client.cluster('SLOTS')]);

function addressIn(name: string): Address {
  const at = name.lastIndexOf(':');
  return { host: name.slice(0, at), port: Number(name.slice(at + 1)) };
}
