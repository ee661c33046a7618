import { defineEvent } from '@belfry/contracts';
import { uniqueNamespace } from '@belfry/testing';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { until } from './durable-world.js';
import { OrderKept, publishAll, watch } from './loss-world.js';
import { range, sharedUrl, startBus } from './world.js';

const Keyed = defineEvent('orders.keyed', {
  schema: z.object({ n: z.number() }),
  key: ({ n }) => `key ${n % 7}`,
  recover: {},
});

it.each([
  ['without a key', OrderKept],
  ['with a key', Keyed],
])('events that are kept go to one member of each group all the same, alone and in bursts: %s', async (_, contract) => {
  const namespace = uniqueNamespace();
  const buses = range(3).map(() => startBus('billing', { url: sharedUrl }, { namespace }));
  const handled: number[][] = [];
  for (const bus of buses) {
    const noted: number[] = [];
    handled.push(noted);
    await bus.subscribe(contract, ({ n }) => void noted.push(n));
  }
  const screen = await watch(startBus('screen', { url: sharedUrl }, { namespace }), contract);
  const publisher = startBus('publisher', { url: sharedUrl }, { namespace });
  for (const n of range(30)) {
    expect(await publisher.publish(contract, { n })).toEqual({ broadcast: 1, groups: { billing: 1 } });
  }
  await publishAll(publisher, range(60, 30), contract);
  await until(() => screen.noted.length === 90 && handled.flat().length === 90);
  expect(screen.noted).toEqual(range(90));
  expect(handled.flat().sort((a, b) => a - b)).toEqual(range(90));
  // By turns, or by key; and a key stays with its member.
  if (contract === OrderKept) for (const noted of handled) expect(noted.length).toBeGreaterThan(20);
  else for (const noted of handled) for (const n of noted) expect(noted).toEqual(expect.arrayContaining([n % 7]));
});
