import type { Address } from './server.js';

/** `host:port` of whoever serves each slot; `undefined`: nobody. */
export type SlotMap = readonly (string | undefined)[];

export const SLOTS = 16_384;

/** Every node that an answer to CLUSTER SLOTS names, replicas too, and who serves what. */
export interface Layout {
  readonly slots: SlotMap;
  readonly nodes: readonly Address[];
}

/**
 * Reads the answer to CLUSTER SLOTS. https://redis.io/docs/latest/commands/cluster-slots/
 * @param asked who answered: a node that does not know its own host leaves it out
 * @param translate from the addresses that nodes have among themselves to those at which they are reached from here
 * @throws Error when it is no answer to CLUSTER SLOTS
 */
export function toLayout(reply: unknown, asked: Address, translate: (address: Address) => Address): Layout {
  const slots = new Array<string | undefined>(SLOTS).fill(undefined);
  const nodes = new Map<string, Address>();
  for (const range of reply as [first: number, last: number, ...nodes: ToldNode[]][]) {
    const [first, last, ...found] = range;
    const addresses = found.map(([host, port, , also]) =>
      translate(told(host === '?' ? ipIn(also) : host, port, asked)),
    );
    for (const address of addresses) nodes.set(nameOf(address), address);
    if (addresses[0] === undefined) continue;
    slots.fill(nameOf(addresses[0]), Number(first), Number(last) + 1);
  }
  return { slots, nodes: [...nodes.values()] };
}

type ToldNode = [host: string | null, port: number, id?: string, also?: unknown];

/** Where a node is of which the others should tell a name, but know none. */
function ipIn(also: unknown): string | undefined {
  if (!Array.isArray(also)) return undefined;
  const at = also.findIndex((field, place) => place % 2 === 0 && String(field) === 'ip');
  return at < 0 ? undefined : String(also[at + 1]);
}

/** What a MOVED refusal says: which slot, and who serves it. */
export interface Moved {
  readonly slot: number;
  readonly to: Address;
}

/** Reads `MOVED 3999 127.0.0.1:6381`; the host may be absent, and an IPv6 one contains colons. `undefined`: it is another refusal. */
export function movedIn(refusal: Error, asked: Address, translate: (address: Address) => Address): Moved | undefined {
  const [, slot, host, port] = /^MOVED (\d+) (.*):(\d+)/.exec(refusal.message) ?? [];
  if (port === undefined || host === '?') return undefined; // who asks for all of the slots is told more
  return { slot: Number(slot), to: translate(told(host, port, asked)) };
}

/** What a node tells of another one, or of itself: then it may leave the host out. */
const told = (host: string | null | undefined, port: number | string, asked: Address): Address => ({
  host: host || asked.host,
  port: Number(port),
});

/** The slots that somebody serves who did not before; none of a map that is the first one. */
export function changesBetween(before: SlotMap, after: SlotMap): Set<number> {
  const changed = new Set<number>();
  if (before.length === 0) return changed;
  for (let slot = 0; slot < SLOTS; slot++) {
    if (after[slot] !== undefined && before[slot] !== after[slot]) changed.add(slot);
  }
  return changed;
}

export const nameOf = ({ host, port }: Address): string => `${host}:${port}`;
