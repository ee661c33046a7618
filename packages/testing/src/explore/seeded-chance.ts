import type { Random } from '@belfry/core/random';

/**
 * Puts a seed's chance, and its time, into the place of what else differs from run to run: `Math.random`, `crypto.getRandomValues`,
 * `crypto.randomUUID` and `performance.now`. Returns what puts everything back.
 */
export function seedChance(random: Random, now: () => number): () => void {
  const began = now();
  const fill = <T extends ArrayBufferView>(view: T): T => {
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(random.bytes(view.byteLength));
    return view;
  };
  const undo = [
    replace(Math, 'random', () => random.next()),
    replace(crypto, 'getRandomValues', fill as typeof crypto.getRandomValues),
    replace(crypto, 'randomUUID', () => uuidOf(random)),
    replace(performance, 'now', () => now() - began),
  ];
  return () => {
    for (const each of undo) each();
  };
}

function replace<T extends object, K extends keyof T>(target: T, name: K, value: T[K]): () => void {
  const own = Object.getOwnPropertyDescriptor(target, name);
  Object.defineProperty(target, name, { value, configurable: true, writable: true });
  return () => {
    if (own === undefined) Reflect.deleteProperty(target, name);
    else Object.defineProperty(target, name, own);
  };
}

/** Version 4: https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-4 */
function uuidOf(random: Random): ReturnType<typeof crypto.randomUUID> {
  const hex = Buffer.from(random.bytes(16)).toString('hex');
  const variant = '89ab'[random.below(4)];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}
