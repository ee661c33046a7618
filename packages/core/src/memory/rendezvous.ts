import { crc32 } from 'node:zlib';

/**
 * Says which of the members has a key: the one with the highest score. When a member joins or leaves, only the keys move that it
 * wins or had. The same arithmetic as in the Redis transport's publish.lua.
 */
export function ownerOf<M extends { readonly instance: string }>(key: string, members: readonly M[]): M | undefined {
  const hash = crc32(key);
  let owner: M | undefined;
  let highest = -1;
  for (const member of members) {
    const points = score(hash, member.instance);
    if (points > highest) {
      owner = member;
      highest = points;
    }
  }
  return owner;
}

// Products stay below 2^53, where numbers are exact.
function score(hash: number, instance: string): number {
  let points = (hash ^ Number.parseInt(instance.slice(0, 8), 16)) >>> 0;
  points = (points * 1597333) % 4294967291;
  points = (points ^ (points >>> 15)) >>> 0;
  return (points * 2039213) % 4294967279;
}
