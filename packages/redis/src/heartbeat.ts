import type { Clock, Timer } from '@belfry/core';
import type { Redis } from 'ioredis';
import type { Connection } from './connection.js';
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
  #listening = false;
  #beat = 0;
  #answered = 0;
  #heard = 0;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Begins to beat, if that has not been done. */
  start(): void {
    this.#timer ??= this.#later();
  }

  /** Begins to probe the subscriber connection too. Resolves once the probe's channel is listened to. */
  async listen(): Promise<void> {
    this.start();
    if (this.#listening) return;
    this.#listening = true;
    try {
      await this.#options.listener.listen('sharded', probeChannel(this.#options.instance), (beat) =>
        this.#hear(Number(beat)),
      );
    } catch (error) {
      this.#listening = false;
      throw error;
    }
  }

  /** A new connection starts with a clean record. */
  forgive(): void {
    this.#answered = this.#heard = this.#beat;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #later(): Timer {
    return this.#options.clock.after(this.#options.interval, () => this.#tick(), 'background');
  }

  #tick(): void {
    this.#timer = this.#later();
    const { commands, listener } = this.#options;
    if (commands.client === undefined) return;
    const silent = `no sign of life for ${2 * this.#options.interval} ms`;
    if (this.#beat - this.#answered >= 2) commands.drop(silent);
    else if (this.#listening && listener.connection.client !== undefined && this.#beat - this.#heard >= 2) {
      listener.connection.drop(silent);
    } else this.#probe(commands.client);
  }

  #probe(client: Redis): void {
    const beat = ++this.#beat;
    client.spublish(probeChannel(this.#options.instance), String(beat)).then(
      () => {
        this.#answered = Math.max(this.#answered, beat);
      },
      () => {}, // refused or broken: no sign of life either way
    );
  }

  #hear(beat: number): void {
    this.#heard = Math.max(this.#heard, beat);
    void this.#options.membership.stampAll();
  }
}
