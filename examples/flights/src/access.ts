import { type AccessRules, accessRules } from 'belfry';
import { FlightDelayed, ListDepartures } from './contracts.js';
import { delayCountsKey } from './delay-counts.js';
import { roles } from './services.js';

/** What each service, and the demo that asks at the end, must be allowed in Redis: a user for each, called like it. */
export function accessOfAll(namespace: string, password?: string): AccessRules[] {
  const counts = delayCountsKey(`${namespace}:${FlightDelayed.channel}`);
  const extras: Readonly<Record<string, readonly string[]>> = {
    statistics: [`(+hincrby ~${counts})`], // what it commits
  };
  const all = { ...roles, demo: { emits: [ListDepartures] } };
  return Object.entries(all).map(([name, role]) =>
    accessRules({ name, namespace, password, ...role, extra: extras[name] ?? [] }),
  );
}
