// What the tests of loss and recovery share: subscribers that tell what they missed, and publishers that never pause.
import { type AnyContract, defineEvent } from '@belfry/contracts';
import type { Bus, BusEventMap, Receipt, Subscription, SubscriptionStats } from '@belfry/core';
import type { TcpProxy } from '@belfry/testing';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { broadcastChannel, historyKey } from '../src/names.js';
import { historyScript, runScript } from '../src/scripts.js';
import { nextTurn, until } from './durable-world.js';
import type { HurriedClock } from './hurried-clock.js';
import { OrderPlaced } from './world.js';

export const OrderShipped = defineEvent('orders.shipped', { schema: z.object({ n: z.number() }) });
export const OrderKept = defineEvent('orders.kept', { schema: z.object({ n: z.number() }), recover: {} });

/** What is missing is waited for so long, in case it only took a longer way. */
const LATE_MS = 500;

/** A broadcast or pattern subscriber, what it has handled, and what it says of its losses. */
export interface Watched {
  readonly bus: Bus;
  readonly subscription: Subscription;
  readonly stats: Readonly<SubscriptionStats>;
  readonly noted: number[];
  readonly gaps: BusEventMap['gap'][];
  readonly recovered: BusEventMap['recovered'][];
}

export async function watch(
  bus: Bus,
  source: AnyContract | readonly AnyContract[] | string = OrderPlaced,
  options: { maxQueuedMessages?: number; concurrency?: number; handle?: (n: number) => unknown } = {},
): Promise<Watched> {
  const { handle, ...rest } = options;
  const noted: number[] = [];
  const gaps: BusEventMap['gap'][] = [];
  const recovered: BusEventMap['recovered'][] = [];
  bus.on('gap', (gap) => void gaps.push(gap));
  bus.on('recovered', (told) => void recovered.push(told));
  const take = (data: unknown) => {
    const { n } = data as { n: number };
    noted.push(n);
    return handle?.(n);
  };
  const subscription = await bus.subscribe(source as AnyContract, take, { broadcast: true, ...rest });
  return { bus, subscription, stats: subscription.stats, noted, gaps, recovered };
}

/** Whether nobody listens to the broadcasts of a channel: Redis, too, has noticed that a subscriber is away. */
export const isUnheard = async (redis: Redis, channel: string): Promise<boolean> =>
  ((await redis.pubsub('NUMSUB', broadcastChannel(channel))) as unknown[])[1] === 0;

/** Everything has been handled up to this message, and what was waited for in vain has been given up. */
export async function handledLast({ noted }: Watched, last: number, clock: HurriedClock): Promise<void> {
  await until(() => noted.includes(last));
  clock.putForward(LATE_MS + 1);
}

/** Takes a subscriber away behind its proxy, as Redis sees it and as it does itself. */
export async function goAway(proxy: TcpProxy, bus: Bus, redis: Redis, channel: string): Promise<void> {
  await proxy.refuse();
  await until(() => bus.status === 'interrupted');
  await until(() => isUnheard(redis, channel));
}

export const publishAll = (
  bus: Bus,
  numbers: readonly number[],
  contract: AnyContract = OrderKept,
): Promise<Receipt[]> => Promise.all(numbers.map((n) => bus.publish(contract as typeof OrderKept, { n })));

export const pause = (milliseconds: number): Promise<unknown> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The numbers that are kept of a channel, in its order. */
export async function keptOf(redis: Redis, channel: string): Promise<number[]> {
  const args = ['0-0', String(Number.MAX_SAFE_INTEGER), String(Number.MAX_SAFE_INTEGER)];
  const [, entries] = (await runScript(redis, historyScript, [historyKey(channel)], args)) as [
    string,
    [string, string][],
  ];
  return entries.map(([, body]) => JSON.parse(body).data.n);
}

/** Publishes numbers from `from` on, some in every turn of the event loop, until it is stopped. */
export class Load {
  readonly fulfilled: number[] = [];
  /** Of these: what a group has not received, as the receipt said. */
  readonly unreceived: number[] = [];
  /** Of what was rejected: the codes. */
  readonly codes: string[] = [];
  /** The next number. */
  next: number;
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(
    bus: Bus,
    contract: AnyContract,
    {
      from = 0,
      perTurn = 1,
      pause = nextTurn,
    }: { from?: number; perTurn?: number; pause?: () => Promise<unknown> } = {},
  ) {
    this.next = from;
    this.#done = this.#run(bus, contract, perTurn, pause);
  }

  /** Resolves once so many more have been published. */
  goesOnFor(count: number): Promise<unknown> {
    const more = this.fulfilled.length + count;
    return until(() => this.fulfilled.length > more, 20_000);
  }

  /** Resolves once every publish has settled. */
  stop(): Promise<void> {
    this.#stopped = true;
    return this.#done;
  }

  async #run(bus: Bus, contract: AnyContract, perTurn: number, pause: () => Promise<unknown>): Promise<void> {
    const settling: Promise<unknown>[] = [];
    while (!this.#stopped) {
      for (let at = 0; at < perTurn; at++) {
        const n = this.next++;
        settling.push(
          bus.publish(contract as never, { n } as never).then(
            ({ groups }: Receipt) => {
              this.fulfilled.push(n);
              if (Object.values(groups).includes(0)) this.unreceived.push(n);
            },
            (error: { code: string }) => void this.codes.push(error.code),
          ),
        );
      }
      await pause();
    }
    await Promise.all(settling);
  }
}
