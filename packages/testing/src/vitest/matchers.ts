import type { Fact } from '../harness/facts.js';
import { inWords } from '../harness/account.js';
import { nearestTo, sentence, type Sought } from '../harness/missing.js';
import { fits, partOf } from '../harness/where.js';

/** What the matchers can be asked about: a harness, or a fake publisher. */
export interface Witness {
  readonly facts: readonly Fact[];
  /** Absent where there is nothing to wait for. */
  settled?(): Promise<void>;
  account?(): string;
}

/** What a matcher says, as vitest and jest want it. */
export interface Verdict {
  readonly pass: boolean;
  readonly message: () => string;
  readonly actual?: unknown;
  readonly expected?: unknown;
}

/** What a runner calls a matcher with. */
interface Circumstances {
  readonly isNot: boolean;
}

type Waits = Partial<Record<Fact['did'], (contract: object, where: unknown, options: unknown) => Promise<unknown>>>;

/** Waits for the fact where it can be waited for; told the opposite, until nothing goes on any more. */
const matcher = (did: Fact['did']) =>
  async function (
    this: Circumstances,
    witness: Witness,
    contract: { readonly channel: string },
    where?: unknown,
    options?: object,
  ): Promise<Verdict> {
    const sought: Sought = { did, channel: contract.channel, where };
    if (this.isNot) await witness.settled?.();
    else if (witness.settled !== undefined) await (witness as Waits)[did]?.(contract, where, options).catch(() => {}); // told below
    return verdictOn(sought, witness);
  };

function verdictOn(sought: Sought, witness: Witness): Verdict {
  const found = witness.facts.filter(
    ({ did, channel, data }) => did === sought.did && channel === sought.channel && fits(data, sought.where),
  );
  const account = witness.account?.() ?? accountOf(witness.facts);
  if (found.length > 0) {
    const what = found.map((fact) => `  ${inWords(fact)}`).join('\n');
    return { pass: true, message: () => `It should not have happened, and did:\n${what}\n\n${account}` };
  }
  const nearest = nearestTo(sought, witness.facts);
  const isPartial = typeof sought.where === 'object' && sought.where !== null;
  return {
    pass: false,
    message: () => `${sentence(sought)}\n\n${account}`,
    ...(isPartial && nearest !== undefined && { actual: partOf(nearest.data, sought.where), expected: sought.where }),
  };
}

const accountOf = (facts: readonly Fact[]): string =>
  facts.length === 0
    ? 'Nothing has happened.'
    : `What happened:\n${facts.map((fact) => `  ${inWords(fact)}`).join('\n')}`;

/** For `expect.extend`: of vitest, and of runners that take the same. */
export const matchers = {
  toHavePublished: matcher('published'),
  toHaveAsked: matcher('asked'),
  toHaveHandled: matcher('handled'),
  toHaveFailed: matcher('failed'),
  toHaveDeadLettered: matcher('deadLettered'),
};
