import { currentContext, type TransportFactory } from '@belfry/core';
import { memoryTransport } from '@belfry/core/memory';
import { toMilliseconds } from '@belfry/contracts';
import { VirtualClock } from '../clock/virtual-clock.js';
import type { HarnessOptions } from './harness.js';
import type { Insight, World } from './world.js';
import { VirtualTime } from './virtual-time.js';

let worlds = 0;

/** A memory that nobody else has. */
export const ownMemory = ({ onCommit }: HarnessOptions, { commits }: Insight): TransportFactory =>
  memoryTransport(`memory:harness-${worlds++}`, {
    onCommit: (commands) => {
      onCommit?.(commands);
      commits.push(commands);
    },
  });

/** Whose handler asks: so it is known what a handler waits for. */
export const ownerOfTimers = (): unknown => currentContext()?.messageId;

/** Everything within this process, on a clock that the test turns. */
export function memoryWorld(seen: Insight, options: HarnessOptions): World {
  const transport = ownMemory(options, seen);
  const { startAt, patience = '1s', namespace = 'test' } = options;
  const owner = ownerOfTimers;
  const clock = new VirtualClock(startAt === undefined ? { owner } : { owner, startAt: startAt.getTime() });
  const time = new VirtualTime(clock, seen.activity, toMilliseconds(patience, 'patience'));
  return {
    time,
    namespace,
    tellsCommits: true,
    place: () => ({ transport, clock, isGone: () => false }),
    isBusy: () => false,
    ready: () => {},
  };
}
