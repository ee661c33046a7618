// What the tests of requests ask: some work that takes a while, and numbers.
import { defineRequest } from '@belfry/contracts';
import { z } from 'zod';

/** Takes so many milliseconds. Answered with the same number, and who did it. */
export const DoWork = defineRequest('work.do', {
  input: z.object({ n: z.number(), takes: z.number().default(0) }),
  output: z.object({ n: z.number(), by: z.string() }),
});

/** So many numbers, from 0. */
export const CountTo = defineRequest('work.count', {
  input: z.object({ count: z.number(), pause: z.number().default(0) }),
  output: z.number(),
  stream: true,
});
