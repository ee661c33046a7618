// Matchers for vitest. Import this for its effect, in a test or in a `setupFiles` file:
//   import '@belfry/testing/vitest';
import type { AnyContract, AnyEvent, AnyRequest, EventInput, RequestPayload } from '@belfry/contracts';
import { expect } from 'vitest';
import type { Handleable, HandledData } from '../harness/facts.js';
import type { WaitOptions } from '../harness/harness.js';
import type { Where } from '../harness/where.js';
import { matchers } from './matchers.js';

/** What can be expected of a harness; the first also of a fake publisher. Each of them waits, so each is awaited. */
export interface BelfryMatchers {
  /**
   * Such an event is published by now, or soon: as `harness.published`. With `.not`: none is, when the services are settled.
   * ```ts
   * await expect(harness).toHavePublished(PaymentTaken, { order: 'o-1', cents: expect.any(Number) });
   * ```
   */
  toHavePublished<C extends AnyContract>(
    contract: C,
    where?: Where<EventInput<C>>,
    options?: WaitOptions,
  ): Promise<void>;
  /** Such a request is asked: as `harness.asked`. */
  toHaveAsked<C extends AnyRequest>(
    contract: C,
    where?: Where<RequestPayload<C>>,
    options?: WaitOptions,
  ): Promise<void>;
  /** A handler has come to its end with such a message: as `harness.handled`. */
  toHaveHandled<C extends Handleable>(contract: C, where?: Where<HandledData<C>>, options?: WaitOptions): Promise<void>;
  /** A handler has thrown with such a message: as `harness.failed`. */
  toHaveFailed<C extends Handleable>(contract: C, where?: Where<HandledData<C>>, options?: WaitOptions): Promise<void>;
  /** A group has given such an event up: as `harness.deadLettered`. */
  toHaveDeadLettered<C extends AnyEvent>(
    contract: C,
    where?: Where<EventInput<C>>,
    options?: WaitOptions,
  ): Promise<void>;
}

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it
  interface Matchers<T = any> extends BelfryMatchers {}
}

expect.extend(matchers);
