import type { Receipt } from '@belfry/core';

/** Reads what `publish.lua` and `audience.lua` return: the broadcast count, then name and count of each group. */
export function toReceipt(reply: unknown): Receipt {
  const [broadcast, ...rest] = reply as (string | number)[];
  return Object.freeze({ broadcast: Number(broadcast), groups: toGroups(rest) });
}

/** Name and count of each group. Strangers may call one `__proto__`, which an assignment would not take for a name. */
export function toGroups(pairs: readonly (string | number)[]): Readonly<Record<string, number>> {
  const groups: [name: string, count: number][] = [];
  for (let i = 0; i < pairs.length; i += 2) groups.push([String(pairs[i]), Number(pairs[i + 1])]);
  return Object.freeze(Object.fromEntries(groups));
}
