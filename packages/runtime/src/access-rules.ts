import type { AnyEvent } from '@belfry/contracts';
import { usageOfEmitting, usageOfOperating } from '@belfry/core';
import { usagesOf } from '@belfry/handlers';
import { type AccessRules, accessRules as redisAccessRules } from '@belfry/redis';
import type { ServiceOptions } from './service-options.js';

/** What {@link accessRules} is told: what the service itself is told, and whom the rights are for. */
export interface ServiceAccessOptions
  extends Pick<ServiceOptions, 'name' | 'namespace' | 'handlers' | 'emits' | 'publicChannels'> {
  /** The ACL user. @default the service's name */
  readonly user?: string;
  /** Only its SHA-256 stands in the rules. Absent: the password, if the user has one, stays as it is. */
  readonly password?: string;
  /** Durable events into whose logs it looks: to list, replay and purge dead letters, and to remove groups. @default none */
  readonly operates?: readonly AnyEvent[];
  /** Rules of yours on top: `(+hincrby ~belfry:{shop:orders.placed}:totals)` for what `context.commit` writes. @default none */
  readonly extra?: readonly string[];
  /** For a Redis Cluster, on each of whose nodes the rules must be set. @default false */
  readonly cluster?: boolean;
  /** The number in the URL. @default 0 */
  readonly database?: number;
}

/**
 * The exact rights that a service needs of Redis, and not one more: from what its handlers handle and what it says that it `emits`.
 * ```ts
 * console.log(accessRules({ name: 'billing', handlers: [Billing], emits: [PaymentTaken] }).command);
 * ```
 * @throws BelfryError `OPTION_INVALID`
 */
export function accessRules(options: ServiceAccessOptions): AccessRules {
  const { name, namespace = 'belfry', handlers = [], emits = [], publicChannels, operates = [] } = options;
  const service = { name, namespace };
  const usages = [
    ...emits.map((contract) => usageOfEmitting(contract, service, publicChannels)),
    ...usagesOf(handlers, service),
    ...operates.map((contract) => usageOfOperating(contract, service)),
  ];
  return redisAccessRules({ ...options, user: options.user ?? name, usages });
}
