import type { Clock, Timer } from '@belfry/core';
import type { Redis } from 'ioredis';
import type { Connection } from './connection.js';
import { isRefusal } from './failure.js';
import type { Listener } from './listener.js';
import type { Membership } from './membership.js';
import { probeChannel } from './names.js';

export interface HeartbeatOptions {
  readonly commands: Connection;
  readonly listener: Listener;
  readonly membership: Membership;
  readonly instance: string;
  /** Between two beats, in milliseconds. */
  readonly interval: number;
  readonly clock: Clock;
}

/**
 * A probe that goes round through Redis: sent on the command connection, heard on the subscriber connection. Only when it comes round
 * are the places stamped. A connection that is still open but dead answers nothing: it is dropped after two beats, and a new one is made.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #timer: Timer | undefined;
  /** Shared by all who begin to listen at the same time; absent when nobody has, or it failed. */
  #listening: Promise<void> | undefined;
  #beat = 0;
  #answered = 0;
  #alive = 0;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Begins to beat, if that has not been done. */
  start(): void {
    this.#timer ??= this.#later();
  }

  /** Begins to probe the subscriber connection too. Resolves once the probe's channel is listened to. */
  listen(): Promise<void> {
    this.start();
    this.#listening ??= this.#listen();
    return this.#listening;
  }

  /** A new connection starts with a clean record. */
  forgiveCommands(): void {
    this.#answered = this.#beat;
    const { client } = this.#options.commands;
    if (client !== undefined && this.#listening !== undefined) this.#probe(client); // its way round stamps the places again
  }

  /** The same for the subscriber connection. */
  forgiveSubscriber(): void {
    this.#alive = this.#beat;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async #listen(): Promise<void> {
    const { listener, instance } = this.#options;
    try {
      const name = probeChannel(instance);
      await listener.listen({ kind: 'sharded', name, title: 'the probe' }, (beat) => this.#hear(Number(beat)));
    } catch (error) {
      this.#listening = undefined;
      throw error;
    }
  }

  #later(): Timer {
    return this.#options.clock.after(this.#options.interval, () => this.#tick(), 'background');
  }

  #tick(): void {
    this.#timer = this.#later();
    const { commands, listener } = this.#options;
    const silent = `no sign of life for ${2 * this.#options.interval} ms`;
    const beat = this.#beat;
    this.#beat++;
    const subscriber = listener.connection.client;
    if (subscriber !== undefined) {
      if (beat - this.#alive >= 2) listener.connection.drop(silent);
      else this.#ping(subscriber);
    } else this.#alive = this.#beat;
    if (commands.client === undefined) this.#answered = this.#beat;
    else if (beat - this.#answered >= 2) commands.drop(silent);
    else this.#probe(commands.client);
  }

  /** Its answer comes after everything that Redis has sent to the subscriber before. */
  #ping(subscriber: Redis): void {
    const beat = this.#beat;
    const alive = () => {
      this.#alive = Math.max(this.#alive, beat);
    };
    subscriber.ping().then(alive, (error: unknown) => isRefusal(error) && alive());
  }

  #probe(client: Redis): void {
    const beat = this.#beat;
    const answered = () => {
      this.#answered = Math.max(this.#answered, beat);
    };
    const probe = client.spublish(probeChannel(this.#options.instance), String(beat));
    probe.then(answered, (error: unknown) => isRefusal(error) && answered()); // even a no is a sign of life
  }

  #hear(beat: number): void {
    if (!Number.isInteger(beat) || beat < this.#beat - 2 || beat > this.#beat) return; // not one of ours
    void this.#options.membership.stampAll();
  }
}
