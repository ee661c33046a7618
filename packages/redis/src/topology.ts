import { isReplica } from './failure.js';
import type { Server } from './server.js';

/** Which server serves what: one server all of it, the servers of a Cluster some slots each. */
export interface Topology {
  /** Whether all of Belfry's own channels are sharded, and patterns impossible. */
  readonly isCluster: boolean;
  /** The servers that this instance knows and uses. */
  readonly servers: Iterable<Server>;
  /** The slot of a channel, a key, or an address. */
  slotOf(name: string): number;
  /** Who serves the slot; `undefined` while that is not known. */
  serverOf(slot: number): Server | undefined;
  /** Whether that is this one. */
  serves(server: Server, slot: number): boolean;
  /** Whether it serves anything. */
  uses(server: Server): boolean;
  /** Who serves it, as soon as it is known; `undefined` when `milliseconds` are over, or it is closed. */
  located(slot: number, milliseconds: number): Promise<Server | undefined>;
  /** Whether the slot is where it was for long enough that its subscribers can have followed. */
  isSettled(slot: number): boolean;
  /** Begins to find out what is not known. */
  open(): void;
  /** The server has refused something that belongs to the slot. Whether it may be tried again, there or elsewhere. */
  refused(server: Server, slot: number, refusal: Error): boolean;
  /** Looks again who serves what, and asks this server first, which seems to know more. */
  lookAgain(first: Server): Promise<void>;
  /** Why nobody takes what belongs to the slot, as far as it is known. */
  whyNot(slot: number): unknown;
  close(): Promise<void>;
}

/** One server, which serves everything. */
export class OneServer implements Topology {
  readonly isCluster = false;
  readonly servers: readonly [Server];

  constructor(server: Server) {
    this.servers = [server];
  }

  slotOf(): number {
    return 0;
  }

  serverOf(): Server {
    return this.servers[0];
  }

  serves(): boolean {
    return true;
  }

  uses(): boolean {
    return true;
  }

  async located(): Promise<Server> {
    return this.servers[0];
  }

  isSettled(): boolean {
    return true;
  }

  open(): void {
    this.servers[0].commands.open();
  }

  /** Only as a replica, which is left: see connection.ts. */
  refused(_: Server, _slot: number, refusal: Error): boolean {
    return isReplica(refusal);
  }

  async lookAgain(): Promise<void> {}

  whyNot(): unknown {
    return this.servers[0].commands.lastError;
  }

  close(): Promise<void> {
    return this.servers[0].close();
  }
}
