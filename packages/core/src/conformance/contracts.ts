import { defineEvent, defineRequest } from '@belfry/contracts';
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

const keyed = schemaOf<KeyedNumber>((value) => {
  if (typeof value.n !== 'number') return { wrong: 'n' };
  return typeof value.key === 'string' ? { value: value as unknown as KeyedNumber } : { wrong: 'key' };
});

/** With affinity to its key. */
export const Keyed = defineEvent('conformance.keyed', { schema: keyed, key: ({ key }) => key });

/** Kept for broadcast subscribers that were away. */
export const Kept = defineEvent('conformance.kept', { schema: numbered, recover: { age: '1m', count: 10 } });

/** What most tests of durable events publish. */
export const Booked = defineEvent('conformance.booked', { schema: numbered, guarantee: 'durable' });

/** In the order of its key. */
export const KeyedBooked = defineEvent('conformance.keyed-booked', {
  schema: keyed,
  guarantee: 'durable',
  key: ({ key }) => key,
});

/** What most tests ask: two times as much. */
export const Double = defineRequest('conformance.double', {
  input: numbered,
  output: numbered,
  errors: { TOO_LARGE: numbered, FORBIDDEN: null },
});

/** What handlers of {@link Double} ask in turn. */
export const Half = defineRequest('conformance.half', { input: numbered, output: numbered });

/** With affinity to its key. */
export const KeyedDouble = defineRequest('conformance.keyed-double', {
  input: keyed,
  output: numbered,
  key: ({ key }) => key,
});

/** Many values are the answer: those below the number. */
export const CountUp = defineRequest('conformance.count-up', {
  input: numbered,
  output: numbered,
  errors: { TOO_FAR: numbered },
  stream: true,
});

/** `0` up to `count`, not included. */
export const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
