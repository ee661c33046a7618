import { setTimeout } from 'node:timers/promises';
import type { Bus } from 'belfry';
import { FlightDeparted, LookupAirport } from './contracts.js';

const TICK_MS = 40;

/** Replays the flights of the data file as events. */
export class Feed {
  constructor(private readonly bus: Bus) {}

  /** Publishes all flights in their order, spread evenly over the given time. */
  async replay(flights: readonly FlightDeparted[], seconds: number, signal?: AbortSignal): Promise<void> {
    // Pub/Sub keeps nothing for those who come late, so nobody may be missing when the first flight departs. (Long delays are
    // durable: `statistics` finds them in their log, whenever it comes.)
    await this.bus.ready(FlightDeparted, { groups: ['delays', 'statistics'] });
    await this.bus.ready(LookupAirport);
    const start = performance.now();
    for (let published = 0; published < flights.length; ) {
      await setTimeout(TICK_MS, undefined, { signal });
      const elapsed = (performance.now() - start) / (seconds * 1000);
      const due = Math.min(flights.length, Math.ceil(flights.length * elapsed));
      // Published in one turn of the event loop, they travel as one command.
      await Promise.all(flights.slice(published, due).map((flight) => this.bus.publish(FlightDeparted, flight)));
      published = due;
    }
  }
}
