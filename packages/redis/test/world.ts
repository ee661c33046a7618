// What the tests of this package share: contracts, and buses that end with their test.
import { randomBytes } from 'node:crypto';
import { defineEvent } from '@belfry/contracts';
import {
  type Bus,
  type BusOptions,
  createBus,
  type Logger,
  type OutgoingRequest,
  systemClock,
  type Transport,
} from '@belfry/core';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { type RedisTransportOptions, redisTransport } from '../src/index.js';

export const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ n: z.number() }) });

export const sharedUrl = process.env.BELFRY_TEST_REDIS_URL as string;

/** Keeps what is logged, as `level: message`. */
export function collectingLogger(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push(`${level}: ${message} ${JSON.stringify(fields)}`);
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** A bus that is closed when the test is over. */
export function startBus(
  name: string,
  redis: RedisTransportOptions,
  options: Omit<BusOptions, 'name' | 'url' | 'transport'> = {},
): Bus {
  const bus = createBus({
    name,
    logger: collectingLogger(),
    ...options,
    transport: redisTransport({ patience: '5s', ...redis }),
  });
  onTestFinished(async () => void (await bus.close({ timeout: 100 })));
  return bus;
}

/** Subscribes with a handler that notes the numbers it gets. */
export async function note(
  bus: Bus,
  options: { group?: string; broadcast?: boolean; concurrency?: number } = {},
): Promise<number[]> {
  const noted: number[] = [];
  await bus.subscribe(OrderPlaced, ({ n }) => void noted.push(n), options);
  return noted;
}

export const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i);

/** A transport without a bus above it, closed when the test is over. */
export function startTransport(
  service: string,
  redis: RedisTransportOptions,
  logger: Logger = collectingLogger(),
): Transport & { readonly instance: string } {
  const instance = randomBytes(8).toString('hex');
  const transport = redisTransport(redis)({ service, instance, logger, clock: systemClock });
  onTestFinished(() => transport.close());
  return Object.assign(transport, { instance });
}

/** A request to send, whose body says which one it is. */
export const requestOf = (channel: string, n: number, key?: string): OutgoingRequest => {
  const body = JSON.stringify({ n });
  return { channel, key, size: body.length, encode: () => body, dealt: () => {}, failed: () => {} };
};

/** Resolves with who received the request. */
export const asking = (transport: Transport, request: OutgoingRequest): Promise<string | undefined> =>
  new Promise((dealt, failed) => transport.ask({ ...request, dealt, failed }));
