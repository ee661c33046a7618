import type { ServiceIdentifier } from 'inversify';

/** A value in the place of a binding. Made by {@link override}. */
export interface Override {
  readonly token: ServiceIdentifier<unknown>;
  readonly value: unknown;
}

/**
 * Puts a value into the place of whatever the modules bind to a token: for `startHarness({ overrides })`.
 * ```ts
 * overrides: [override(PaymentGateway, { charge: async () => 'paid' })]
 * ```
 */
export const override = <T>(token: ServiceIdentifier<T>, value: T): Override => ({ token, value });
