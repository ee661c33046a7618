import { sleep, type TransportHost } from '@belfry/core';
import type { Redis } from 'ioredis';
import { Cluster } from './cluster.js';
import { evictionPolicy } from './eviction.js';
import { Link } from './link.js';
import { Membership } from './membership.js';
import { probeChannel } from './names.js';
import type { ResolvedRedisOptions } from './options.js';
import { Outbox } from './outbox.js';
import { Route } from './route.js';
import { type Address, Server } from './server.js';
import { nameOf } from './slot-map.js';
import { Switchboard } from './switchboard.js';
import { OneServer, type Topology } from './topology.js';

/** A place is removed by others when its stamp is so old, in heartbeats: with the time until the next of them looks, less than three. */
const STALE_AFTER = 1.8;
/** Between two questions of a server whose subscriptions have moved, in milliseconds. */
const LOOK_MS = 20;

/** What a transport is made of, each part connected to those that it needs. */
export class Wiring {
  readonly link: Link;
  readonly topology: Topology;
  readonly outbox: Outbox;
  readonly route: Route;
  readonly membership: Membership;
  readonly switchboard: Switchboard;
  readonly #options: ResolvedRedisOptions;
  readonly #host: TransportHost;
  #begun = false;
  #warnedOfEviction = false;
  #toldOfPublicChannels = false;

  constructor(options: ResolvedRedisOptions, host: TransportHost) {
    this.#options = options;
    this.#host = host;
    const { address, patience, subscribePatience, heartbeat, cluster } = options;
    const { instance, logger, clock, tell = () => {} } = host;
    this.link = new Link({ tell, clock });
    // What a server says of itself goes to parts that are made after it: they are looked up when it does.
    this.outbox = new Outbox({ topology: () => this.topology, address, patience, instance, logger, clock });
    this.topology = cluster === undefined ? new OneServer(this.#toServer()) : this.#toCluster(cluster);
    const { topology, link } = this;
    this.route = new Route({ topology, address, clock });
    this.membership = new Membership({
      ...{ topology, route: this.route, instance, address, patience: subscribePatience, logger, clock },
      staleAfter: STALE_AFTER * heartbeat,
    });
    this.switchboard = new Switchboard({
      ...{ topology, route: this.route, link, address, patience: subscribePatience, logger, clock },
      followed: async (servers) => {
        await Promise.all(Array.from(servers, (server) => this.#takePlaces(server, subscribePatience)));
      },
    });
  }

  /** Begins to give signs of life, if that has not been done. */
  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    for (const { heartbeat } of this.topology.servers) heartbeat.start();
  }

  /** Says once, on a Cluster, what public channels cost there. */
  tellOfPublicChannels(): void {
    if (this.#toldOfPublicChannels || !this.topology.isCluster) return;
    this.#toldOfPublicChannels = true;
    this.#host.logger.info(
      {},
      'What is published on public channels goes to every node of a Cluster. Where no other program listens to them, set publicChannels to false.',
    );
  }

  #toCluster({ seeds, translate }: NonNullable<ResolvedRedisOptions['cluster']>): Cluster {
    const { address, heartbeat } = this.#options;
    const { logger, clock } = this.#host;
    const cluster = new Cluster({
      seeds,
      translate,
      connect: (node) => this.#connect('topology', node),
      toServer: (at) => {
        const server = this.#toServer(at);
        if (this.#begun) server.heartbeat.start();
        return server;
      },
      changed: () => {
        this.switchboard.follow();
        for (const server of cluster.servers) void server.heartbeat.renew();
      },
      abandoned: (server) => this.outbox.dispatch(server.sender.takeWaiting()),
      address,
      link: this.link,
      interval: heartbeat,
      logger,
      clock,
    });
    return cluster;
  }

  /** @param at which node of a Cluster it is */
  #toServer(at?: Address): Server {
    const { address, subscribePatience, heartbeat } = this.#options;
    const { instance, logger, clock, tell = () => {} } = this.#host;
    const looking = new Set<Server>();
    return new Server({
      address: at === undefined ? address : nameOf(at),
      connect: (role) => this.#connect(role, at),
      attend: (client) => this.#warnOfEviction(client),
      sending: this.outbox.sending,
      refused: (server, slot, refusal) => this.topology.refused(server, slot, refusal),
      moved: async (server) => {
        if (looking.has(server)) return;
        looking.add(server);
        await sleep(clock, LOOK_MS); // it says so of each channel
        looking.delete(server);
        await this.topology.lookAgain(server);
        await server.listener.renew();
      },
      probe: (server) => this.#probeOn(server),
      stamp: (server) => this.membership.stampAll(server),
      flushed: (server) => {
        void this.membership.stampAll(server);
        tell({ what: 'emptied' });
      },
      link: this.link,
      instance,
      patience: subscribePatience,
      heartbeat,
      logger,
      clock,
    });
  }

  /** On a server that was only listened to so far nothing would ever be sent, and so no place stamped. */
  async #takePlaces(server: Server, patience: number): Promise<void> {
    if (this.membership.isMemberOn(server)) await server.commands.up(patience);
    await this.membership.stampAll(server);
  }

  #connect(role: string, at: Address | undefined): Redis {
    const { service, instance } = this.#host;
    return this.#options.connect(`belfry:${service}:${instance}:${role}`, at);
  }

  /** The first of the instance's probe channels that the server serves. */
  #probeOn(server: Server): string {
    const { topology } = this;
    const { instance } = this.#host;
    for (let n = 0; n < MOST_PROBES; n++) {
      const name = probeChannel(instance, n);
      if (topology.serves(server, topology.slotOf(name))) return name;
    }
    return probeChannel(instance, 0); // it serves next to nothing: then it is not probed
  }

  async #warnOfEviction(client: Redis): Promise<void> {
    const policy = await evictionPolicy(client);
    if (policy === undefined || this.#warnedOfEviction) return;
    this.#warnedOfEviction = true;
    this.#host.logger.warn(
      { policy },
      'This Redis evicts keys when its memory is full: groups may miss events for seconds. Set maxmemory-policy to noeviction.',
    );
  }
}

/** So many names are tried, until one is found that lies on the server. */
const MOST_PROBES = 2000;
