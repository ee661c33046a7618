import { BelfryError } from '@belfry/contracts';
import type {
  Appended,
  DeadLetter,
  Durability,
  GroupState,
  Keep,
  LogPart,
  OutgoingDurableEvent,
  Work,
  WorkRequest,
} from '@belfry/core';
import type { Redis } from 'ioredis';
import { refuseEviction } from './eviction.js';
import { isRefusal, refused, unconfirmed } from './failure.js';
import { deadKey, logKey } from './names.js';
import type { Outbox } from './outbox.js';
import type { Route } from './route.js';
import {
  cancelScript,
  groupScript,
  matureScript,
  readScript,
  removeScript,
  replayScript,
  runScript,
  type Script,
  tendScript,
  workScript,
} from './scripts.js';
import { durationOf, toWork, workArguments } from './work-call.js';

export interface RedisDurabilityOptions {
  readonly route: Route;
  readonly outbox: Outbox;
  readonly address: string;
  /** How long something waits for a connection, in milliseconds. */
  readonly patience: number;
  /** The same for the making of a group. */
  readonly subscribePatience: number;
  /** Called before each call. @throws BelfryError `BUS_CLOSED` */
  readonly begin: () => void;
}

/** Durable events on Redis Streams: each call is one script, which touches one slot. */
export class RedisDurability implements Durability {
  readonly #options: RedisDurabilityOptions;

  constructor(options: RedisDurabilityOptions) {
    this.#options = options;
  }

  append(event: OutgoingDurableEvent): Promise<Appended> {
    try {
      this.#options.begin();
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#options.outbox.append(event);
  }

  async cancel(channel: string, messageId: string): Promise<boolean> {
    const reply = await this.#run(`calling off an event on ${channel}`, cancelScript, channel, [messageId]);
    return Number(reply) === 1;
  }

  async createGroup(channel: string, group: string, from: 'start' | 'now'): Promise<void> {
    const { subscribePatience, address } = this.#options;
    const what = `making the group ${group} of ${channel}`;
    try {
      await this.#insist(channel, what, subscribePatience, (client) => {
        refuseEviction(client);
        return runScript(client, groupScript, [logKey(channel)], [group, from]);
      });
    } catch (error) {
      throw isRefusal(error) ? refused('SUBSCRIBE_REFUSED', what, address, error) : error;
    }
  }

  async work(request: WorkRequest): Promise<Work> {
    const { route, address, patience, begin } = this.#options;
    begin();
    const { channel, group } = request;
    const what = `the work of the group ${group} on ${channel}`;
    try {
      const work = (client: Redis) => runScript(client, workScript, [logKey(channel)], workArguments(request));
      return toWork(await route.once(channel, what, patience, work));
    } catch (error) {
      if (error instanceof BelfryError) throw error;
      throw isRefusal(error) ? refused('PUBLISH_REFUSED', what, address, error) : unconfirmed(what, address);
    }
  }

  async read(channel: string, after: string | undefined, epoch: string, count: number): Promise<LogPart> {
    const args = [after ?? '', epoch, String(count)];
    const reply = await this.#run(`reading the log of ${channel}`, readScript, channel, args);
    const [its, total, dueIn, last, entries] = reply as [string, number, string, string, string[][]];
    return {
      epoch: its,
      count: Number(total),
      dueIn: durationOf(dueIn),
      last,
      entries: entries.map(([id = '', ordinal = '', body = '', key = '', only = '']) => ({
        id,
        body,
        key: key === '' ? undefined : key.slice(1),
        ordinal: Number(ordinal),
        only: only === '' ? undefined : only,
      })),
    };
  }

  async tend(channel: string, keep: Keep | undefined): Promise<readonly GroupState[]> {
    const bounds = keep === undefined ? ['', ''] : [String(Math.ceil(keep.age)), String(keep.count ?? '')];
    const reply = (await this.#run(`looking after the log of ${channel}`, tendScript, channel, bounds)) as string[];
    const states: GroupState[] = [];
    for (let i = 0; i < reply.length; i += 9) {
      const [group, members, lag, pending, retries, oldestAge, deadLetters, lost, idle] = reply.slice(i, i + 9);
      states.push({
        group: String(group),
        members: Number(members),
        lag: Number(lag),
        pending: Number(pending),
        retries: Number(retries),
        oldestAge: oldestAge === '' ? undefined : Number(oldestAge),
        deadLetters: Number(deadLetters),
        lost: Number(lost),
        idle: Number(idle),
      });
    }
    return states;
  }

  async mature(channel: string): Promise<number | undefined> {
    return durationOf(String(await this.#run(`looking for delayed events on ${channel}`, matureScript, channel, [])));
  }

  async removeGroup(channel: string, group: string): Promise<'removed' | undefined | number> {
    const reply = Number(await this.#run(`removing the group ${group} of ${channel}`, removeScript, channel, [group]));
    return reply === 0 ? 'removed' : reply < 0 ? undefined : reply;
  }

  async deadLetters(
    channel: string,
    group: string,
    after: string | undefined,
    count: number,
  ): Promise<readonly DeadLetter[]> {
    const from = after === undefined ? '-' : `(${checkedId(after)}`;
    return this.#letters(channel, group, (client, key) => client.xrange(key, from, '+', 'COUNT', count));
  }

  async deadLetter(channel: string, group: string, id: string): Promise<DeadLetter | undefined> {
    const letters = await this.#letters(channel, group, (client, key) => client.xrange(key, checkedId(id), id));
    return letters[0];
  }

  async replay(channel: string, group: string, ids: readonly string[]): Promise<number> {
    const args = [group, ...ids.map(checkedId)];
    return Number(await this.#run(`replaying dead letters of ${channel}`, replayScript, channel, args));
  }

  async purge(channel: string, group: string, ids: readonly string[] | undefined): Promise<number> {
    if (ids?.length === 0) return 0;
    const key = deadKey(channel, group);
    return this.#command(channel, `purging dead letters of ${channel}`, async (client) => {
      if (ids !== undefined) return client.xdel(key, ...ids.map(checkedId));
      const [[, count], [, _deleted]] = ((await client.multi().xlen(key).del(key).exec()) ?? [[], []]) as [
        [unknown, number],
        [unknown, number],
      ];
      return Number(count ?? 0);
    });
  }

  async #letters(
    channel: string,
    group: string,
    read: (client: Redis, key: string) => Promise<[id: string, fields: string[]][]>,
  ): Promise<DeadLetter[]> {
    const entries = await this.#command(channel, `reading the dead letters of ${channel}`, (client) =>
      read(client, deadKey(channel, group)),
    );
    return entries.map(([id, fields]) => toDeadLetter(id, fields));
  }

  #run(what: string, script: Script, channel: string, args: readonly string[]): Promise<unknown> {
    return this.#command(channel, what, (client) => runScript(client, script, [logKey(channel)], args));
  }

  /** What may be done twice without harm. */
  async #command<T>(channel: string, what: string, work: (client: Redis) => Promise<T>): Promise<T> {
    const { address, patience } = this.#options;
    try {
      return await this.#insist(channel, what, patience, work);
    } catch (error) {
      throw isRefusal(error) ? refused('PUBLISH_REFUSED', what, address, error) : error;
    }
  }

  async #insist<T>(channel: string, what: string, patience: number, work: (client: Redis) => Promise<T>): Promise<T> {
    this.#options.begin();
    return this.#options.route.insist(channel, what, patience, work);
  }
}

function toDeadLetter(id: string, fields: readonly string[]): DeadLetter {
  const of = new Map<string, string>();
  for (let i = 0; i < fields.length; i += 2) of.set(fields[i]!, fields[i + 1] ?? '');
  return {
    id,
    entry: of.get('id') ?? '',
    body: of.get('e') ?? '',
    key: of.get('k'),
    reason: { code: of.get('code') ?? '', message: of.get('message') ?? '' },
    attempts: Number(of.get('attempts') ?? 0),
    firstAt: Number(of.get('first') ?? 0),
    at: Number(id.slice(0, id.indexOf('-'))),
  };
}

/** @throws BelfryError `OPTION_INVALID`: Redis would understand something else by it */
function checkedId(id: string): string {
  if (/^\d+(-\d+)?$/.test(id)) return id;
  throw new BelfryError('OPTION_INVALID', {
    message: 'the id of a dead letter looks like 1764100000000-0.',
    hint: 'Take it from list().',
  });
}
