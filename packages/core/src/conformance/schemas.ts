import type { Schema } from '@belfry/contracts';

/** What a schema of the suite makes of a value: its output, or where it is wrong. */
export type Verdict<Output> = { readonly value: Output } | { readonly wrong: string };

/** A Standard Schema by hand, so that the suite brings no schema library along. */
export function schemaOf<Input, Output = Input>(
  check: (value: Partial<Record<string, unknown>>) => Verdict<Output> | Promise<Verdict<Output>>,
): Schema<Input, Output> {
  const toResult = (verdict: Verdict<Output>) =>
    'wrong' in verdict ? { issues: [{ message: 'It is wrong.', path: [verdict.wrong] }] } : { value: verdict.value };
  return {
    '~standard': {
      version: 1,
      vendor: 'belfry-conformance',
      validate: (value) => {
        const verdict = check(isRecord(value) ? value : {});
        return verdict instanceof Promise ? verdict.then(toResult) : toResult(verdict);
      },
    },
  };
}

const isRecord = (value: unknown): value is Partial<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** Takes anything. */
export const anything = <Data>(): Schema<Data> => ({
  '~standard': { version: 1, vendor: 'belfry-conformance', validate: (value) => ({ value: value as Data }) },
});

/** Takes text. */
export const text: Schema<string> = {
  '~standard': {
    version: 1,
    vendor: 'belfry-conformance',
    validate: (value) => (typeof value === 'string' ? { value } : { issues: [{ message: 'It is no text.' }] }),
  },
};
