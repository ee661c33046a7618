import { BelfryError, type Requester } from 'belfry';
import { type FlightDeparted, ListDepartures } from './contracts.js';

/** Asks `airports` for all that has departed from an airport. If the answer ends too early, the check will see it. */
export async function listDepartures(requester: Requester, code: string): Promise<FlightDeparted[]> {
  const departures: FlightDeparted[] = [];
  try {
    for await (const departure of requester.request(ListDepartures, { code })) departures.push(departure);
  } catch (error) {
    if (!BelfryError.is(error)) throw error;
    console.error(error.message);
  }
  return departures;
}
