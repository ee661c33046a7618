import { redisTransport } from '@belfry/redis';
import type { Harness, HarnessOptions } from './harness.js';
import { memoryWorld } from './memory-world.js';
import { outerWorld } from './outer-world.js';
import { RunningHarness } from './running-harness.js';
import { type Insight, insight, type World } from './world.js';

/** Opens a world, and starts in it what the options say. */
export function openHarness(options: HarnessOptions): Promise<Harness> {
  const { url, transport = url === undefined ? undefined : redisTransport({ url }) } = options;
  const seen = insight();
  const world = transport === undefined ? memoryWorld(seen, options) : outerWorld(seen, transport, options);
  return fill(world, seen, options);
}

/** Starts in a world what the options say. */
export async function fill(world: World, seen: Insight, options: HarnessOptions): Promise<Harness> {
  const { services = [], responders = [], handlers } = options;
  const harness = new RunningHarness(world, seen, options);
  try {
    for (const responder of responders) await harness.respond(responder);
    for (const setup of handlers === undefined ? services : [options, ...services]) await harness.start(setup);
    return harness;
  } catch (error) {
    await harness[Symbol.asyncDispose]();
    throw error;
  }
}
