import { defineEvent, type EventData } from 'belfry';
import { z } from 'zod';

/** From so many minutes on, a delay is a long one. */
export const LONG_DELAY_MINUTES = 60;

const airport = z.string().regex(/^[A-Z]{3}$/);

const flight = z.object({
  /** Its place in the data file, from 1: the records have no flight number. */
  flight: z.int().positive(),
  /** Local to the origin, to the minute. */
  departedAt: z.iso.datetime({ local: true, precision: -1 }),
  origin: airport,
  destination: airport,
  distanceMiles: z.int().nonnegative(),
  /** How late it arrives: a replay knows that at departure. Negative: early. */
  delayMinutes: z.int(),
});

export const FlightDeparted = defineEvent('flights.departed', {
  schema: flight,
  description: 'A flight took off.',
});
export type FlightDeparted = EventData<typeof FlightDeparted>;

export const FlightDelayed = defineEvent('flights.delayed', {
  schema: flight.omit({ distanceMiles: true }).extend({ delayMinutes: z.int().min(LONG_DELAY_MINUTES) }),
  description: `A flight arrives ${LONG_DELAY_MINUTES} minutes late, or later still.`,
});
export type FlightDelayed = EventData<typeof FlightDelayed>;
