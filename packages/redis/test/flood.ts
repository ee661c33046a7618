// What the tests of floods share: an event that can be made large.
import { defineEvent } from '@belfry/contracts';
import { z } from 'zod';

export const Flood = defineEvent('flood.came', { schema: z.object({ n: z.number(), filler: z.string() }) });

/** How a subscriber takes the flood. */
export interface FloodOptions {
  /** A bare channel to listen to, instead of the event. */
  readonly channel?: string;
  readonly broadcast?: boolean;
  readonly drop?: 'oldest' | 'newest';
  /** Microseconds of computing per event, or milliseconds of waiting. */
  readonly busy?: number;
  readonly wait?: number;
}

/** What the publisher has offered, and the subscriber has done with it. */
export interface FloodReport {
  readonly published: number;
  readonly bytes: number;
  /** Published with a receipt in which the group received nothing. */
  readonly nobody: number;
}
export interface DrownedReport {
  readonly handled: number;
  /** Handled twice. */
  readonly twice: number;
  readonly received: number;
  readonly dropped: number;
  readonly missed: number;
  /** Of resident memory, since before the flood, in bytes. */
  readonly growth: number;
  /** The longest time for which its process got no processor, or had nothing to do, in milliseconds: meanwhile nobody could read the socket. */
  readonly stoodStill: number;
}
