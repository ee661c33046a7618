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
  /** Between two stamps of the places, in milliseconds; a probe is sent twice as often. */
  readonly interval: number;
  readonly clock: Clock;
}

/** So many probes in a row without a sign of life, and the connection is dropped: after one and a half intervals at the latest. */
const SILENT_BEATS = 2;

/**
 * A probe that goes round through Redis: sent on the command connection, heard on the subscriber connection. Only when it comes round
 * are the places stamped. A connection that is still open but dead answers nothing, or hears nothing: it is dropped, and a new one is made.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #timer: Timer | undefined;
  /** Shared by all who begin to listen at the same time; absent when nobody has, or it failed. */
  #listening: Promise<void> | undefined;
  #beat = 0;
  /** The last beat to which there was an answer on the command connection. */
  #answered = 0;
  /** The last beat at which the subscriber connection was well. */
  #alive = 0;
  /** The last beat whose probe was heard. */
  #heard = 0;
  /** Redis lets this instance probe: then what is not heard is missing. */
  #mayProbe = false;
  #stampedAt = Number.NEGATIVE_INFINITY;

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
    this.#answered = this.#heard = this.#beat;
    this.#stampedAt = Number.NEGATIVE_INFINITY;
    const { client } = this.#options.commands;
    if (client !== undefined && this.#listening !== undefined) this.#probe(client); // its way round stamps the places again
  }

  /** The same for the subscriber connection. */
  forgiveSubscriber(): void {
    this.#alive = this.#heard = this.#beat;
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
      this.#heard = this.#beat;
    } catch (error) {
      this.#listening = undefined;
      throw error;
    }
  }

  #later(): Timer {
    return this.#options.clock.after(this.#options.interval / 2, () => this.#tick(), 'background');
  }

  #tick(): void {
    this.#timer = this.#later();
    const { commands, listener, interval } = this.#options;
    const silent = `no sign of life for ${(SILENT_BEATS * interval) / 2} ms`;
    const beat = this.#beat;
    this.#beat++;
    const subscriber = listener.connection.client;
    if (subscriber === undefined) this.#alive = this.#heard = this.#beat;
    else if (beat - this.#alive >= SILENT_BEATS) listener.connection.drop(silent);
    else if (this.#isDeaf(beat)) listener.connection.drop(`${silent}: the probe does not come round`);
    else this.#ping(subscriber);
    if (commands.client === undefined) this.#answered = this.#heard = this.#beat;
    else if (beat - this.#answered >= SILENT_BEATS) commands.drop(silent);
    else this.#probe(commands.client);
  }

  /** Redis has taken the probes, and none of them has been heard. */
  #isDeaf(beat: number): boolean {
    return (
      this.#listening !== undefined && this.#mayProbe && this.#answered >= beat && beat - this.#heard >= SILENT_BEATS
    );
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
    const answered = (mayProbe: boolean) => {
      this.#mayProbe = mayProbe;
      this.#answered = Math.max(this.#answered, beat);
    };
    const probe = client.spublish(probeChannel(this.#options.instance), String(beat));
    // Even a no is a sign of life.
    probe.then(
      () => answered(true),
      (error: unknown) => isRefusal(error) && answered(false),
    );
  }

  #hear(beat: number): void {
    if (!Number.isInteger(beat) || beat < this.#beat - 2 * SILENT_BEATS || beat > this.#beat) return; // not one of ours
    this.#heard = Math.max(this.#heard, beat);
    if (beat - this.#stampedAt < 2) return; // every other one
    this.#stampedAt = beat;
    void this.#options.membership.stampAll();
  }
}
