import { defineEvent } from '@belfry/contracts';
import { schemaOf } from './schemas.js';

/** An event with a number. */
export interface Numbered {
  readonly n: number;
}

/** An event with a number and a key. */
export interface KeyedNumber extends Numbered {
  readonly key: string;
}

const numbered = schemaOf<Numbered>((value) =>
  typeof value.n === 'number' ? { value: value as unknown as Numbered } : { wrong: 'n' },
);

/** What most tests publish. */
export const Counted = defineEvent('conformance.counted', { schema: numbered });

/** The same under another name. */
export const Recounted = defineEvent('conformance.recounted', { schema: numbered });

/** With affinity to its key. */
export const Keyed = defineEvent('conformance.keyed', {
  schema: schemaOf<KeyedNumber>((value) => {
    if (typeof value.n !== 'number') return { wrong: 'n' };
    return typeof value.key === 'string' ? { value: value as unknown as KeyedNumber } : { wrong: 'key' };
  }),
  key: ({ key }) => key,
});

/** `0` up to `count`, not included. */
export const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
