import { defineEvent } from 'belfry';
import { type } from 'arktype';
import * as v from 'valibot';
import { z } from 'zod';

// #region libraries
export const WithZod = defineEvent('seats.booked', {
  schema: z.object({ seat: z.string(), guest: z.string().optional() }),
});

export const WithValibot = defineEvent('seats.booked', {
  schema: v.object({ seat: v.string(), guest: v.optional(v.string()) }),
});

export const WithArktype = defineEvent('seats.booked', {
  schema: type({ seat: 'string', 'guest?': 'string' }),
});
// #endregion
