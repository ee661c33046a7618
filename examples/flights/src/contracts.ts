import { defineEvent, defineRequest, type EventData, type RequestOutput } from 'belfry';
import { z } from 'zod';

/** From so many minutes on, a delay is a long one. */
export const LONG_DELAY_MINUTES = 60;

const airportCode = z.string().regex(/^[A-Z]{3}$/);

const flight = z.object({
  /** Its place in the data file, from 1: the records have no flight number. */
  flight: z.int().positive(),
  /** Local to the origin, to the minute. */
  departedAt: z.iso.datetime({ local: true, precision: -1 }),
  origin: airportCode,
  destination: airportCode,
  distanceMiles: z.int().nonnegative(),
  /** How late it arrives: a replay knows that at departure. Negative: early. */
  delayMinutes: z.int(),
});

export const FlightDeparted = defineEvent('flights.departed', {
  schema: flight,
  recover: {}, // a board, or an airport, whose connection breaks reads on where it was
  description: 'A flight took off.',
});
export type FlightDeparted = EventData<typeof FlightDeparted>;

export const FlightDelayed = defineEvent('flights.delayed', {
  schema: flight.omit({ distanceMiles: true }).extend({
    delayMinutes: z.int().min(LONG_DELAY_MINUTES),
    /** The airport's code, where nobody could say the city. */
    originCity: z.string(),
    destinationCity: z.string(),
  }),
  guarantee: 'durable',
  key: ({ origin }) => origin, // what is told of an airport is handled in that order
  description: `A flight arrives ${LONG_DELAY_MINUTES} minutes late, or later still.`,
});
export type FlightDelayed = EventData<typeof FlightDelayed>;

const errors = { UNKNOWN_AIRPORT: z.object({ code: airportCode }) };

export const LookupAirport = defineRequest('airports.lookup', {
  input: z.object({ code: airportCode }),
  output: z.object({
    name: z.string(),
    city: z.string(),
    state: z.string(),
    latitude: z.number(),
    longitude: z.number(),
  }),
  errors,
  timeout: '3s',
  description: 'Which airport is that?',
});
export type Airport = RequestOutput<typeof LookupAirport>;

export const ListDepartures = defineRequest('airports.departures', {
  input: z.object({ code: airportCode }),
  output: flight, // each of them
  errors,
  stream: true,
  description: 'What has departed from there so far?',
});
