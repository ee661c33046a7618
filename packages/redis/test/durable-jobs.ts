// What the processes of the durable tests handle: jobs that say themselves what becomes of them.
import { type Duration, defineEvent } from '@belfry/contracts';
import { z } from 'zod';

export const JobQueued = defineEvent('jobs.queued', {
  schema: z.object({
    n: z.number(),
    key: z.string().optional(),
    /** Milliseconds in which the event loop is free. */
    takes: z.number().default(0),
    does: z.enum(['nothing', 'dies', 'fails at first', 'commits']).default('nothing'),
  }),
  guarantee: 'durable',
  key: ({ n, key }) => key ?? `job ${n}`,
});

/** A list to which the handlers of jobs of a key commit what they have completed. */
export const completedKey = (namespace: string, key: string): string => `${namespace}:completed:${key}`;

/** How a process handles them. */
export interface WorkOptions {
  readonly concurrency?: number;
  readonly claimTimeout?: Duration;
  readonly attempts?: number;
}
