import type { AnyRequest } from '@belfry/contracts';
import type { Aborts } from './aborts.js';
import type { Clock } from './clock.js';
import { aborted, notInTime } from './failure.js';

export interface InTimeOptions {
  readonly contract: AnyRequest;
  readonly milliseconds: number;
  readonly signals: readonly AbortSignal[];
  readonly aborts: Aborts;
  readonly clock: Clock;
}

/**
 * Settles as the work does, but not later than its time is over or a signal aborts: for the parts of a request that no exchange watches,
 * which are middleware and schemas that think.
 */
export function inTime<T>(work: Promise<T>, options: InTimeOptions): Promise<T> {
  const { contract, milliseconds, signals, aborts, clock } = options;
  return new Promise((resolve, reject) => {
    // An exchange that has begun meanwhile knows more: its own time is over first.
    const timer = clock.after(milliseconds + GRACE, () => end(() => reject(notInTime(contract, milliseconds))));
    const onAbort = ({ reason }: AbortSignal): void => end(() => reject(aborted(contract, reason)));
    const end = (settle: () => void): void => {
      timer.cancel();
      for (const signal of signals) aborts.delete(signal, onAbort);
      settle();
    };
    for (const signal of signals) if (!signal.aborted) aborts.add(signal, onAbort);
    work.then(
      (value) => end(() => resolve(value)),
      (error: unknown) => end(() => reject(error)),
    );
  });
}

const GRACE = 20;
