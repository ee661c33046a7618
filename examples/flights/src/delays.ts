import { setTimeout } from 'node:timers/promises';
import { inject, Publisher, Subscribe } from 'belfry';
import { FlightDelayed, FlightDeparted, LONG_DELAY_MINUTES } from './contracts.js';
import { KnownAirports } from './known-airports.js';

/** Token for the milliseconds that a flight takes to look at, as if a database had to be asked. */
export const WorkTime = Symbol('work time');

/** Turns long delays into an event of their own. Runs twice: the two share the work, because both are called `delays`. */
export class Delays {
  constructor(
    @inject(Publisher) private readonly publisher: Publisher,
    @inject(KnownAirports) private readonly airports: KnownAirports,
    @inject(WorkTime) private readonly workTimeMs: number,
  ) {}

  @Subscribe(FlightDeparted)
  async look({ distanceMiles: _, ...flight }: FlightDeparted): Promise<void> {
    if (this.workTimeMs > 0) await setTimeout(this.workTimeMs);
    if (flight.delayMinutes < LONG_DELAY_MINUTES) return;
    const [originCity, destinationCity] = await Promise.all([
      this.#city(flight.origin),
      this.#city(flight.destination),
    ]);
    await this.publisher.publish(FlightDelayed, { ...flight, originCity, destinationCity });
  }

  async #city(code: string): Promise<string> {
    return (await this.airports.find(code))?.city ?? code;
  }
}
