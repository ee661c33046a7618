import { Redis } from 'ioredis';
import { assert, expect, it } from 'vitest';
import { DemoProcess } from './demo-process.js';

const redisUrl = process.env.BELFRY_TEST_REDIS_URL ?? '';

it('loses only what a killed replica of delays had in hand, and the other one goes on', {
  timeout: 60_000,
}, async () => {
  await using inboxes = await Inboxes.watch(redisUrl);
  // A flight takes a while, so that there is something in hand whenever the process is killed.
  const demo = new DemoProcess('--redis', redisUrl, '--seconds', '3', '--work', '20');
  const [victim, survivor] = (await demo.announced()).filter(({ service }) => service === 'delays');
  assert(victim !== undefined && survivor !== undefined);

  await inboxes.dealt(victim.instance, 200);
  process.kill(victim.pid, 'SIGKILL');
  const dealtToSurvivor = inboxes.of(survivor.instance).size;

  expect(await demo.ended).toBe(1);
  expect(demo.stdout).toContain(`✗ delays (process ${victim.pid}) was killed (SIGKILL)`);
  const missed = /✗ delays missed flights\.departed: ([\d ]+)$/m.exec(demo.stdout)?.[1]?.split(' ').map(Number) ?? [];
  expect(missed.length).toBeGreaterThan(0);
  expect(missed.filter((flight) => !inboxes.of(victim.instance).has(flight))).toEqual([]);

  // Everything else was handled, once: whatever went to the other one, before and after.
  expect(demo.figuresOf('delays').slice(1)).toEqual([5000 - missed.length, missed.length, 0]);
  expect(demo.stdout).toContain(`missed: ${missed.length}  twice: 0`);
  expect(inboxes.of(survivor.instance).size).toBeGreaterThan(dealtToSurvivor);
});

/**
 * What was dealt to each instance of `delays`, as MONITOR shows the script's SPUBLISH. Listening to an inbox would tell it too, but a
 * listener counts as a receiver: the script could not see any more that the inbox's owner is dead.
 */
class Inboxes implements AsyncDisposable {
  readonly #flights = new Map<string, Set<number>>();
  #changed = (): void => {};

  static async watch(url: string): Promise<Inboxes> {
    const redis = new Redis(url);
    const monitor = await redis.monitor();
    redis.disconnect();
    return new Inboxes(monitor);
  }

  constructor(private readonly monitor: Redis) {
    monitor.on('monitor', (_time: string, [command, channel = '', message = '']: string[]) => {
      const instance = /:flights\.departed\}:inbox:delays:(\w+)$/.exec(channel)?.[1];
      if (command?.toUpperCase() !== 'SPUBLISH' || instance === undefined) return;
      // A lone event or a frame of several: the flights in it all the same.
      for (const [, flight] of message.matchAll(/"flight":(\d+)/g)) this.of(instance).add(Number(flight));
      this.#changed();
    });
  }

  of(instance: string): Set<number> {
    const flights = this.#flights.get(instance) ?? new Set();
    this.#flights.set(instance, flights);
    return flights;
  }

  /** Waits until so many flights were dealt to the instance. */
  dealt(instance: string, count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = () => {
        if (this.of(instance).size >= count) resolve();
      };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.monitor.disconnect();
  }
}
