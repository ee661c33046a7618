import type { Receipt } from '@belfry/core';

/** Reads what `publish.lua` and `audience.lua` return: the broadcast count, then name and count of each group. */
export function toReceipt(reply: unknown): Receipt {
  const [broadcast, ...rest] = reply as (string | number)[];
  const groups: Record<string, number> = {};
  for (let i = 0; i < rest.length; i += 2) groups[String(rest[i])] = Number(rest[i + 1]);
  return Object.freeze({ broadcast: Number(broadcast), groups: Object.freeze(groups) });
}
