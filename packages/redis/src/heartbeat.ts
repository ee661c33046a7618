import { type Clock, settlesWithin, type Timer } from '@belfry/core';
import type { Redis } from 'ioredis';
import type { Connection } from './connection.js';
import { isRefusal, isUnavailable } from './failure.js';
import type { Hear, Listener, Listening } from './listener.js';
import { askWhetherPrimary } from './primary.js';
import { isNode } from './scripts.js';

export interface HeartbeatOptions {
  readonly commands: Connection;
  readonly listener: Listener;
  /** The sharded channel of the probe, on this server. */
  readonly probe: () => string;
  /** Stamps the places that are kept on this server. */
  readonly stamp: () => void;
  /** Between two stamps of the places, in milliseconds; a probe is sent twice as often. */
  readonly interval: number;
  /** How long somebody waits for the probe's channel to be listened to, in milliseconds. */
  readonly patience: number;
  readonly clock: Clock;
}

/** So many beats in a row without a sign of life, and the connection is dropped: after one and a half intervals at the latest. */
const SILENT_BEATS = 2;
/** So many beats without an answer of its own, although messages come: what is sent on it does not arrive. */
const DEAF_BEATS = 3;

/**
 * A probe that goes round through Redis: sent on the command connection, heard on the subscriber connection. Only when it comes round
 * are the places stamped. A connection on which nothing comes at all is dead, however open it seems: it is dropped, and a new one is made.
 * So is a subscriber connection that lives, but does not hear the probe, or hears it from another server; and a server that has become a replica is left.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #timer: Timer | undefined;
  /** Shared by all who begin to listen at the same time; absent when nobody has, or it failed. */
  #listening: Promise<void> | undefined;
  #probeName = '';
  /** The probe's channel is listened to, on whatever subscriber connection is up. */
  #listens = false;
  readonly #hearProbe: Hear = (beat) => this.#hear(/^\d+$/.test(beat) ? Number(beat) : Number.NaN);
  #beat = 0;
  readonly #commandsLife: SignsOfLife;
  readonly #subscriberLife: SignsOfLife;
  /** The last beat at which the subscriber connection was asked, and has answered. */
  #answered = 0;
  /** The last beat whose probe Redis has taken; `-Infinity` when it does not let this instance probe. */
  #probed = Number.NEGATIVE_INFINITY;
  /** The last beat whose probe was heard. */
  #heard = 0;
  #stampedAt = Number.NEGATIVE_INFINITY;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#commandsLife = new SignsOfLife(options.commands);
    this.#subscriberLife = new SignsOfLife(options.listener.connection);
  }

  /** Begins to beat, if that has not been done. */
  start(): void {
    this.#timer ??= this.#later();
  }

  /** Begins to probe the subscriber connection too. Resolves once the probe's channel is listened to. */
  async listen(): Promise<void> {
    this.start();
    const { clock, patience } = this.#options;
    const until = clock.now() + patience;
    const isShared = this.#listening !== undefined;
    try {
      await this.#listened();
    } catch (error) {
      // The patience that came to its end was that of another one, who had begun earlier.
      const left = until - clock.now();
      if (!isShared || !isUnavailable(error) || left <= 0) throw error;
      const again = this.#listened();
      if (!(await settlesWithin(clock, left, again))) throw error;
      await again;
    }
  }

  /** A new connection starts with a clean record. */
  forgiveCommands(): void {
    this.#commandsLife.forgive();
    this.#forgiveSilence();
    this.#stampedAt = Number.NEGATIVE_INFINITY;
    const { client } = this.#options.commands;
    if (client !== undefined && this.#listening !== undefined) this.#probe(client); // its way round stamps the places again
  }

  /** The same for the subscriber connection. */
  forgiveSubscriber(): void {
    this.#subscriberLife.forgive();
    this.#answered = this.#beat;
    this.#forgiveSilence();
  }

  /** Takes another channel for the probe, if the one that it has is served elsewhere by now. */
  async renew(): Promise<void> {
    const before = this.#probeName;
    if (this.#listening === undefined || this.#options.probe() === before) return;
    this.#listening = undefined;
    await this.#listened().catch(() => {}); // whoever listens next tries again
    await this.#options.listener.stop(probeOn(before), this.#hearProbe);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #listened(): Promise<void> {
    this.#listening ??= this.#listen();
    return this.#listening;
  }

  async #listen(): Promise<void> {
    const { listener, probe } = this.#options;
    try {
      this.#probeName = probe();
      await listener.listen(probeOn(this.#probeName), this.#hearProbe);
      this.#listens = true;
      this.#forgiveSilence();
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
    this.#beat++;
    const silent = `no sign of life for ${(SILENT_BEATS * interval) / 2} ms`;
    if (listener.connection.client === undefined) this.#answered = this.#beat;
    if (this.#subscriberLife.isOver()) listener.connection.drop(silent);
    else if (this.#beat - this.#answered > DEAF_BEATS)
      listener.connection.drop('it gives no answer, although messages come');
    else if (listener.connection.client !== undefined) {
      this.#ping(listener.connection.client);
      void listener.retry();
    }
    if (this.#commandsLife.isOver()) commands.drop(silent);
    else if (commands.client !== undefined) {
      this.#probe(commands.client);
      // Who only publishes may never write, so nothing else would tell that the server has become a replica.
      askWhetherPrimary(commands.client).catch(() => {});
    }
  }

  /** Its answer comes after everything that Redis has sent to the subscriber before: also after the probes that it had taken before. */
  #ping(subscriber: Redis): void {
    const { connection } = this.#options.listener;
    const expected = this.#listening === undefined ? Number.NEGATIVE_INFINITY : this.#probed - 1;
    const beat = this.#beat;
    const answered = () => {
      this.#answered = Math.max(this.#answered, beat);
      if (this.#heard < expected && subscriber === connection.client)
        connection.drop('it lives, but the probe does not come round');
    };
    subscriber.ping().then(answered, (error: unknown) => isRefusal(error) && answered());
  }

  #probe(client: Redis): void {
    const beat = this.#beat;
    const { probe } = this.#options;
    const { connection } = this.#options.listener;
    const subscriber = this.#listens && !isNode(client) ? connection.client : undefined; // on a Cluster it may just have moved
    client.spublish(this.#probeName || probe(), String(beat)).then(
      (receivers) => {
        this.#probed = beat;
        // A replica passes on what its primary publishes, so it may come round all the same; but others do not find who is connected there.
        if (Number(receivers) === 0 && subscriber !== undefined && subscriber === connection.client)
          connection.drop('the probe does not come round: nobody hears it at the server that took it');
      },
      (error: unknown) => {
        if (isRefusal(error)) this.#probed = Number.NEGATIVE_INFINITY;
      },
    );
  }

  /** Probes from before were on their way round another connection. */
  #forgiveSilence(): void {
    this.#heard = this.#beat;
    this.#probed = Number.NEGATIVE_INFINITY;
  }

  #hear(beat: number): void {
    if (!Number.isInteger(beat) || beat < this.#beat - 2 * SILENT_BEATS || beat > this.#beat) return; // not one of ours
    this.#heard = Math.max(this.#heard, beat);
    if (beat - this.#stampedAt < 2) return; // every other one
    this.#stampedAt = beat;
    this.#options.stamp();
  }
}

const probeOn = (name: string): Listening => ({ kind: 'sharded', name, title: 'the probe' });

/** Whether anything comes on a connection. */
class SignsOfLife {
  readonly #connection: Connection;
  #seen = 0;
  /** Below zero: it has not been asked for a sign yet. */
  #silentBeats = -1;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  forgive(): void {
    this.#silentBeats = -1;
    this.#seen = this.#connection.activity;
  }

  /** To be asked once per beat, before the connection is asked for a sign. */
  isOver(): boolean {
    const { activity, client } = this.#connection;
    if (client === undefined) this.#silentBeats = -1;
    else this.#silentBeats = activity === this.#seen ? this.#silentBeats + 1 : 0;
    this.#seen = activity;
    return this.#silentBeats >= SILENT_BEATS;
  }
}
