import { Redis } from 'ioredis';
import { FlightDelayed } from './contracts.js';
import { delayCountsKey } from './delay-counts.js';
import type { AirportDays } from './truth.js';

/** What a run leaves in Redis. At the end it is removed. */
export class Traces implements AsyncDisposable {
  readonly #redis: Redis;

  constructor(
    url: string,
    private readonly namespace: string,
  ) {
    // Whoever asks gets the error. That there is no connection just now is no news.
    this.#redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1 }).on('error', () => {});
  }

  /** What the replicas of `statistics` have committed. */
  async delayCounts(): Promise<AirportDays> {
    const counts = await this.#redis.hgetall(delayCountsKey(`${this.namespace}:${FlightDelayed.channel}`));
    return Object.fromEntries(Object.entries(counts).map(([day, count]) => [day, Number(count)]));
  }

  /** Every key of a namespace has its name in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      for await (const keys of this.#redis.scanStream({ match: `*{${this.namespace}:*`, count: 1000 })) {
        if (keys.length > 0) await this.#redis.unlink(keys);
      }
    } catch (error) {
      console.error(
        `What the run has left in Redis, as ${this.namespace}, is still there: ${(error as Error).message}`,
      );
    } finally {
      this.#redis.disconnect();
    }
  }
}
