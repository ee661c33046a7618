import { toMilliseconds } from '@belfry/contracts';
import type { TransportFactory } from '@belfry/core';
import { uniqueNamespace } from '../unique-namespace.js';
import type { HarnessOptions } from './harness.js';
import { RealTime } from './real-time.js';
import type { Insight, World } from './world.js';

/** A broker outside of this process, shared with whoever else uses it under another namespace. */
export function outerWorld({ activity }: Insight, transport: TransportFactory, options: HarnessOptions): World {
  const { patience = '5s', namespace = uniqueNamespace() } = options;
  const time = new RealTime(activity, toMilliseconds(patience, 'patience'));
  return {
    time,
    namespace,
    tellsCommits: false,
    place: () => ({ transport, clock: time.clock, isGone: () => false }),
    isBusy: () => false,
    ready: () => {},
  };
}
