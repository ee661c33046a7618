import type { TransportFeature } from '../transport.js';
import type { World } from './world.js';

/** One test of the suite. Its name says what a transport does, and is what a skip refers to. */
export interface Behaviour {
  readonly name: string;
  /** What a transport must be able to do for this: where it declares that it cannot, the test is skipped. */
  readonly needs: readonly TransportFeature[];
  readonly run: (world: World) => Promise<void>;
}

/** Writes a test of the suite down. */
export const behaviour = (
  name: string,
  needs: readonly TransportFeature[],
  run: (world: World) => Promise<void>,
): Behaviour => ({ name, needs, run });
