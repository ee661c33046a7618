import { type MessageContext, Subscribe } from 'belfry';
import { airportDay } from './airport-days.js';
import { FlightDelayed, FlightDeparted } from './contracts.js';
import { delayCountsKey } from './delay-counts.js';

/** Counts departures and long delays per airport and day. Runs twice. */
export class Statistics {
  /** By airport and day: `ORD 2001-01-05`. Each replica has its share of them, and a killed one takes it along: that is what transient means. */
  readonly departures: Record<string, number> = {};

  @Subscribe(FlightDeparted)
  countDeparture(flight: FlightDeparted): void {
    const day = airportDay(flight);
    this.departures[day] = (this.departures[day] ?? 0) + 1;
  }

  /**
   * Counted in Redis, in the same step in which the event is acknowledged: whichever replica is killed, and whenever, each delay counts once.
   * What a dead one had in hand is taken over after the claim timeout: here within the time that the demo waits for it.
   */
  @Subscribe(FlightDelayed, { claimTimeout: '3s' })
  async countDelay(flight: FlightDelayed, context: MessageContext<typeof FlightDelayed>): Promise<void> {
    await context.commit(['HINCRBY', delayCountsKey(context.channel), airportDay(flight), 1]);
  }
}
