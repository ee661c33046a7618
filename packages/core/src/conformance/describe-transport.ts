import { beforeAll, describe, it } from 'vitest';
import type { Transport, TransportFactory } from '../transport.js';
import { behaviours } from './behaviours/index.js';
import { reasonOf, reasonsByTest, type SkippedTest } from './skips.js';
import { World } from './world.js';

/** What {@link describeTransport} is told. */
export interface ConformanceOptions {
  /** Makes a transport for one more bus. All that it ever makes must reach one another: one broker, or one URL. */
  readonly create: () => TransportFactory | Promise<TransportFactory>;
  /** Tests that this transport cannot pass, each with the reason. What it declares in `unsupported` need not be repeated. @default none */
  readonly skip?: readonly SkippedTest[];
  /** For each test, in milliseconds. Only a test that fails waits for as long. @default 30_000 */
  readonly timeout?: number;
}

/**
 * Runs the suite that every transport must pass: one `describe` block of vitest. A test that the transport cannot pass is skipped where
 * its `unsupported` says so, or where `skip` names it; either way with a reason that the report shows.
 * @throws BelfryError `OPTION_INVALID` when a skip names no test or gives no reason
 * @example describeTransport('memory', { create: () => memoryTransport('memory:conformance') });
 */
export function describeTransport(name: string, { create, skip = [], timeout = 30_000 }: ConformanceOptions): void {
  const reasons = reasonsByTest(skip, behaviours);
  describe(`the ${name} transport`, () => {
    let unsupported: Transport['unsupported'];

    beforeAll(async () => {
      const world = new World(create);
      unsupported = (await world.transport()).unsupported;
      await world.close();
    }, timeout);

    for (const behaviour of behaviours) {
      it(behaviour.name, { timeout }, async ({ skip }) => {
        const reason = reasons.get(behaviour.name) ?? reasonOf(unsupported, behaviour);
        if (reason !== undefined) return skip(reason);
        const world = new World(create);
        try {
          await behaviour.run(world);
        } finally {
          await world.close();
        }
      });
    }
  });
}
