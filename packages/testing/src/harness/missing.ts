import { AssertionError } from 'node:assert';
import { inLine } from './envelopes.js';
import { inWords } from './account.js';
import type { Fact } from './facts.js';
import { partOf } from './where.js';

/** What is said of each kind of fact that did not come. */
const verbs: Record<Fact['did'], string> = {
  published: 'was published',
  asked: 'was asked',
  handled: 'was handled',
  failed: 'has failed',
  deadLettered: 'went to the dead letters',
};

/** What was looked for. */
export interface Sought {
  readonly did: Fact['did'];
  /** The contract's channel. */
  readonly channel: string;
  readonly where: unknown;
}

/** What to say when a fact did not come: what comes nearest to it, and what happened instead. */
export function missing(sought: Sought, facts: readonly Fact[], account: string): AssertionError {
  const { did, where } = sought;
  const nearest = nearestTo(sought, facts);
  const wanted = typeof where === 'object' && where !== null;
  return new AssertionError({
    message: `${sentence(sought)}\n\n${account}`,
    operator: did,
    ...(wanted && nearest !== undefined && { actual: partOf(nearest.data, where), expected: where }),
  });
}

/** No such event was published. */
export function sentence({ did, channel, where }: Sought): string {
  const meant =
    where === undefined ? '' : typeof where === 'function' ? ', of those that are meant,' : ` with ${inLine(where)}`;
  return `No ${channel}${meant} ${verbs[did]}.`;
}

/** The last one of the same contract. */
export const nearestTo = ({ did, channel }: Sought, facts: readonly Fact[]): Fact | undefined =>
  facts.findLast((fact) => fact.did === did && fact.channel === channel);

/** What to say when something happened that should not have. */
export const surplus = ({ did, channel }: Sought, found: readonly Fact[], account: string): AssertionError =>
  new AssertionError({
    message: `${channel} ${verbs[did]}, ${found.length === 1 ? 'once' : `${found.length} times`}:\n${found
      .map((fact) => `  ${inWords(fact)}`)
      .join('\n')}\n\n${account}`,
    operator: `no ${did}`,
  });
