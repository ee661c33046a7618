// What the tests of the durable scripts share: one log in Redis, and the scripts as functions.
import type { Settlement, Work, WorkRequest } from '@belfry/core';
import { uniqueNamespace } from '@belfry/testing';
import type { Redis } from 'ioredis';
import { logKey } from '../src/names.js';
import { toWork, workArguments } from '../src/work-call.js';
import { appendScript, groupScript, runScript, type Script, workScript } from '../src/scripts.js';
import { idOf } from './ring-member.js';

/** Two instances. */
export const [ONE, TWO] = [idOf(1), idOf(2)] as const;

const MAX_PARKED = '10000';

/** An event as append.lua is told of it. */
export interface ScriptedEvent {
  readonly key?: string | undefined;
  /** A given id. */
  readonly id?: string;
  /** An id by which a delayed event can be called off. */
  readonly name?: string;
  readonly delay?: number;
  readonly body?: string;
}

/** How work.lua is asked, where it is not as usual: by {@link ONE} for the group `app`, without room. */
export interface AskOptions extends Partial<WorkRequest> {
  readonly term?: number;
  readonly maxParked?: string;
}

/** A log of its own. */
export class ScriptedLog {
  readonly channel = `${uniqueNamespace()}:orders.paid`;
  /** Milliseconds, as work.lua is told. */
  now = Date.now();
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** What hangs on the hash tag of the channel. */
  key(name: string): string {
    return logKey(this.channel).replace(/log$/, name);
  }

  run(script: Script, ...args: (string | number)[]): Promise<unknown> {
    return runScript(this.#redis, script, [logKey(this.channel)], args.map(String));
  }

  /** Returns the place of each. */
  async append(
    events: readonly ScriptedEvent[],
    { publisher = '', batch = 0, heard = 0, window = 60_000, cap = '' as string | number } = {},
  ): Promise<string[]> {
    const args = events.flatMap(({ key, id, name, delay, body = '{}' }) => [
      key === undefined ? '' : `=${key}`,
      id !== undefined ? `=${id}` : name !== undefined ? `.${name}` : '',
      delay ?? '',
      body,
    ]);
    const reply = await this.run(appendScript, publisher, batch, heard, window, cap, ...args);
    return (reply as [number, string[]])[1];
  }

  makeGroup(group = 'app', from = 'start'): Promise<unknown> {
    return this.run(groupScript, group, from);
  }

  async work(settlements: readonly Settlement[], options: AskOptions = {}): Promise<Work> {
    const { group = 'app', instance = ONE, term = 0, maxParked = MAX_PARKED, ...rest } = options;
    const usual = { room: 0, holding: settlements.length, claimTimeout: 1000, once: false };
    const ask = { ...usual, group, instance, holder: `${instance}.${term}`, settlements, ...rest };
    return toWork(await this.run(workScript, ...workArguments(ask, maxParked, String(this.now))));
  }

  async take(room: number, options: AskOptions = {}): Promise<Work['deliveries']> {
    return (await this.work([], { room, ...options })).deliveries;
  }

  /** How many entries a group has read and not acknowledged. */
  async pending(group = 'app'): Promise<number> {
    return ((await this.#redis.xpending(logKey(this.channel), group)) as [number])[0];
  }
}

/** It was handled. */
export const done = ({ id, token }: { id: string; token: number }): Settlement => ({ id, token, outcome: 'done' });

/** It is given up. */
export const dead = ({ id, token }: { id: string; token: number }): Settlement => ({
  ...{ id, token, outcome: 'dead', reason: { code: 'HANDLER_FAILED', message: 'Error: “no”\n' } },
});
