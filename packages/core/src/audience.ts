import { BelfryError } from '@belfry/contracts';
import { type Clock, settlesWithin, sleep } from './clock.js';
import type { Receipt } from './transport.js';

const PAUSE = 50;

/**
 * Asks who would receive a message until each of the groups has a member, or, when none is named, anybody is there.
 * @param channel for messages
 * @throws BelfryError `NOT_READY` after so many milliseconds; whatever the question says
 */
export async function waitForAudience(
  channel: string,
  ask: () => Promise<Receipt>,
  groups: readonly string[] | undefined,
  milliseconds: number,
  clock: Clock,
): Promise<void> {
  const until = clock.now() + milliseconds;
  let why = `the transport has not said who is there for ${channel}.`;
  for (;;) {
    const asked = ask();
    if (!(await settlesWithin(clock, until - clock.now(), asked))) throw notReady(why);
    const audience = await asked;
    const missing = groups?.filter((group) => !((audience.groups[group] ?? 0) > 0)) ?? []; // a group may be called constructor
    const anybody = audience.broadcast > 0 || Object.values(audience.groups).some((members) => members > 0);
    if (groups === undefined ? anybody : missing.length === 0) return;
    why = `nobody is there for ${channel} yet${missing.length > 0 ? ` in group ${missing.join(', ')}` : ''}.`;
    if (clock.now() >= until) throw notReady(why);
    await sleep(clock, PAUSE);
  }
}

const notReady = (why: string): BelfryError =>
  new BelfryError('NOT_READY', {
    message: why,
    hint: 'Is the service started, with the same namespace and the same Redis?',
  });
