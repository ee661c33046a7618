import { DOORBELL } from '../durable/durability.js';
import { DurableLog } from '../durable/log.js';
import { placed } from '../standing.js';
import { matchesPattern } from '../pattern.js';
import type { HistoryPart, OutgoingEvent, OutgoingRequest, Receipt, Source } from '../transport.js';
import { deliverToAll, type Listener } from './listener.js';
import { History } from './history.js';
import { Ring } from './ring.js';

/** What the buses of one process share under one URL: who listens to what. */
export class Broker {
  /** channel -> who listens to all of it */
  readonly #broadcast = new Map<string, Set<Listener>>();
  readonly #patterns = new Map<Listener, string>();
  /** bare channel, or the public channel of an event -> who listens to it */
  readonly #bare = new Map<string, Set<Listener>>();
  /** An instance's address -> who listens to its inbox */
  readonly #inboxes = new Map<string, Set<Listener>>();
  /** channel -> group -> its members */
  readonly #rings = new Map<string, Map<string, Ring>>();
  /** channel -> what is kept for those who were away */
  readonly #histories = new Map<string, History>();
  /** channel -> what is durable of it */
  readonly #logs = new Map<string, DurableLog>();

  add(source: Source, listener: Listener): void {
    if (source.kind === 'pattern') this.#patterns.set(listener, source.pattern);
    else if (source.kind === 'broadcast') entryOf(this.#broadcast, source.channel, newSet).add(listener);
    else if (source.kind === 'bare') entryOf(this.#bare, source.channel, newSet).add(listener);
    else if (source.kind === 'inbox') entryOf(this.#inboxes, source.address, newSet).add(listener);
    else entryOf(entryOf(this.#rings, source.channel, newMap), source.group, newRing).join(listener);
  }

  remove(source: Source, listener: Listener, now: number): void {
    if (source.kind === 'pattern') this.#patterns.delete(listener);
    else if (source.kind === 'broadcast') this.#broadcast.get(source.channel)?.delete(listener);
    else if (source.kind === 'bare') this.#bare.get(source.channel)?.delete(listener);
    else if (source.kind === 'inbox') this.#inboxes.delete(source.address);
    else this.#rings.get(source.channel)?.get(source.group)?.leave(listener, now);
  }

  stepAside(channel: string, group: string, listener: Listener, aside: boolean): void {
    this.#rings.get(channel)?.get(group)?.stepAside(listener, aside);
  }

  /** Delivers an event to whoever listens to all of the channel, and to one member of each group. */
  deal({ channel, body: text, key, recovery, public: isPublic }: OutgoingEvent, turn: number, now: number): Receipt {
    const cursor = recovery && entryOf(this.#histories, channel, newHistory).keep(text, recovery, now);
    const body = cursor === undefined ? text : placed(text, cursor);
    if (isPublic) this.publishBare(channel, body);
    const broadcast = deliverToAll(this.#listenersTo(channel), body, channel);
    const groups = this.#knownGroups(channel, now).map(([group, ring]) => {
      const member = ring.choose(turn, key);
      member?.deliver(body, { channel });
      return [group, member === undefined ? 0 : 1] as const;
    });
    return { broadcast, groups: Object.fromEntries(groups) };
  }

  history(channel: string, after: string | undefined, count: number): HistoryPart {
    return this.#histories.get(channel)?.after(after, count) ?? { entries: [], last: undefined };
  }

  /** The log of a durable channel. */
  log(channel: string): DurableLog {
    return entryOf(this.#logs, channel, () => {
      const ringOf = (group: string) => this.#rings.get(channel)?.get(group);
      return new DurableLog({
        ring: (group, instance) => {
          const member = ringOf(group)?.find(instance);
          member?.deliver(DOORBELL, { channel });
          return member !== undefined;
        },
        announce: (body) => deliverToAll(this.#listenersTo(channel), body, channel),
        members: (group) => ringOf(group)?.size ?? 0,
      });
    });
  }

  /** Delivers a request to one member of one group: the first by name that has one. Returns who that is, as `group/instance`. */
  ask(request: OutgoingRequest, turn: number, now: number): string | undefined {
    const { channel, key } = request;
    const groups = this.#knownGroups(channel, now).filter(([, ring]) => ring.size > 0);
    const [group, ring] = groups.sort(([a], [b]) => (a < b ? -1 : 1))[0] ?? [];
    const member = ring?.choose(turn, key);
    const body = member === undefined ? undefined : request.encode();
    if (member === undefined || body === undefined) return undefined;
    member.deliver(body, { channel });
    return `${group}/${member.instance}`;
  }

  /** Delivers to the inbox of one instance. Returns whether anybody listens to it. */
  send(address: string, body: string): boolean {
    return deliverToAll(this.#inboxes.get(address) ?? [], body, address) > 0;
  }

  isListening(address: string): boolean {
    return this.#inboxes.has(address);
  }

  publishBare(channel: string, payload: string): number {
    return deliverToAll([...(this.#bare.get(channel) ?? [])], payload, channel);
  }

  audience(channel: string, now: number): Receipt {
    return {
      broadcast: new Set(this.#listenersTo(channel).map(({ instance }) => instance)).size,
      groups: Object.fromEntries(this.#knownGroups(channel, now).map(([group, ring]) => [group, ring.size])),
    };
  }

  bareAudience(channel: string): number {
    return new Set(Array.from(this.#bare.get(channel) ?? [], ({ instance }) => instance)).size;
  }

  #listenersTo(channel: string): Listener[] {
    const listeners = [...(this.#broadcast.get(channel) ?? [])];
    for (const [listener, pattern] of this.#patterns) if (matchesPattern(pattern, channel)) listeners.push(listener);
    return listeners;
  }

  #knownGroups(channel: string, now: number): [group: string, ring: Ring][] {
    const rings = this.#rings.get(channel);
    if (rings === undefined) return [];
    for (const [group, ring] of rings) if (ring.isForgotten(now)) rings.delete(group);
    return [...rings];
  }
}

const newSet = () => new Set<Listener>();
const newMap = () => new Map<string, Ring>();
const newRing = () => new Ring();
const newHistory = () => new History();

function entryOf<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
