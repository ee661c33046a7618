import type { Clock, Timer } from '@belfry/core';
import type { Redis } from 'ioredis';
import { isRefusal } from './failure.js';

export interface FlushWatchOptions {
  readonly instance: string;
  /** Redis has been emptied. */
  readonly flushed: () => void;
  readonly clock: Clock;
}

const CHANNEL = '__redis__:invalidate';
/** Anybody may send on that channel: at most so often it is believed. */
const SOONEST_MS = 1000;

/**
 * Notices FLUSHALL and FLUSHDB on a server that stays up. Client tracking tells of them; in broadcast mode, and for keys that do not exist, it tells
 * of nothing else and costs Redis nothing (https://redis.io/docs/latest/develop/reference/client-side-caching/). Where it is not allowed, the next
 * heartbeat finds out.
 */
export class FlushWatch {
  readonly #options: FlushWatchOptions;
  #toldAt = Number.NEGATIVE_INFINITY;
  #later: Timer | undefined;

  constructor(options: FlushWatchOptions) {
    this.#options = options;
  }

  /** Watches on a subscriber connection. It must speak RESP2: ioredis drops what RESP3 pushes. */
  async begin(client: Redis): Promise<void> {
    // Of what is emptied it says null, of which ioredis makes an empty text.
    client.on('message', (channel: string, message: string | null) => {
      if (channel === CHANNEL && (message === '' || message === null)) this.#tell();
    });
    try {
      const id = await client.client('ID');
      const prefix = `belfry:{${this.#options.instance}}:none`;
      const tracking = client.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', String(id), 'BCAST', 'PREFIX', prefix);
      await Promise.all([tracking, client.subscribe(CHANNEL)]);
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }

  #tell(): void {
    const { flushed, clock } = this.#options;
    if (this.#later !== undefined) return;
    const wait = this.#toldAt + SOONEST_MS - clock.now();
    const tell = () => {
      this.#later = undefined;
      this.#toldAt = clock.now();
      flushed();
    };
    if (wait <= 0) tell();
    else this.#later = clock.after(wait, tell, 'background');
  }
}
