// What handles in a soak. A handler's last deed is the line in the diary.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus } from '@belfry/core';
import { Ask, claimTimeoutMs, Dealt, type Kind, Logged, Told } from './contracts.js';
import type { Diary } from './diary.js';
import type { Random } from '@belfry/core/random';

const LONGEST_MS = 15;

/** Half of the handlers are done at once; the others take a moment, in which their process can be killed. */
const work = async (random: Random): Promise<void> => {
  if (random.chance(0.5)) await sleep(random.between(0, LONGEST_MS));
};

/** Handles what is broadcast, and for as long as the soak goes on. */
export async function beAudience(bus: Bus, diary: Diary, random: Random): Promise<void> {
  await bus.subscribe(Told, noting(diary, random, 'told'), { broadcast: true });
}

/** Shares the work, the durable and the other. */
export async function beMember(bus: Bus, diary: Diary, random: Random): Promise<void> {
  await bus.subscribe(Dealt, noting(diary, random, 'dealt'));
  await bus.subscribe(
    Logged,
    async ({ id }, { attempt }) => {
      diary.write({ what: 'handles', kind: 'logged', id, attempt });
      await work(random);
      if (attempt === 1 && id.endsWith('50')) {
        diary.write({ what: 'throws', id });
        throw new Error('It throws at first.');
      }
      diary.write({ what: 'handled', kind: 'logged', id });
    },
    { concurrency: 8, claimTimeout: claimTimeoutMs, retry: { attempts: 20, backoff: { type: 'fixed', delay: 50 } } },
  );
}

export async function beResponder(bus: Bus, diary: Diary, random: Random): Promise<void> {
  const note = noting(diary, random, 'asked');
  await bus.respond(Ask, async ({ id }) => {
    await note({ id });
    return { id };
  });
}

const noting =
  (diary: Diary, random: Random, kind: Kind) =>
  async ({ id }: { readonly id: string }): Promise<void> => {
    diary.write({ what: 'handles', kind, id });
    await work(random);
    diary.write({ what: 'handled', kind, id });
  };
