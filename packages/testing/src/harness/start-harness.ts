import type { Harness, HarnessOptions } from './harness.js';

/**
 * Starts services under test: the real container, binder, bus and pipeline, on the memory transport and on a clock that the test turns.
 * ```ts
 * await using harness = await startHarness({ handlers: [Billing], modules: [prices] });
 * await harness.publish(OrderPlaced, { orderId: 'o-1' });
 * await harness.published(PaymentTaken, { orderId: 'o-1' });
 * ```
 * @throws BelfryError as `createService` and `service.start()` do; then nothing is left running
 */
export async function startHarness(options: HarnessOptions = {}): Promise<Harness> {
  // Loaded by those who need it: a test that only wants a Redis does without the container and the runtime.
  const { openHarness } = await import('./open-harness.js');
  return openHarness(options);
}
