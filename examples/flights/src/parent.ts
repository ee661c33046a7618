import type { Service } from 'belfry';
import { Feed } from './feed.js';
import type { FromService, ToService } from './messages.js';
import { readFlights } from './records.js';
import { Statistics } from './statistics.js';

// The other end of service-process.ts: a service in a process of its own, and its parent as it sees it.

/** Tells the parent something. Resolves when that is in the pipe. */
export const tell = (message: FromService): Promise<void> =>
  new Promise((done) => process.send?.(message, undefined, undefined, () => done()));

/** Starts the service, and does what the parent says over the pipe between them. */
export async function obey(service: Service, replaySeconds: number): Promise<void> {
  // Ctrl-C reaches every process of a terminal. The parent decides who stops when; without it, nothing is left to do.
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit());

  const fail = async (error: unknown): Promise<void> => {
    await tell({ type: 'failed', reason: error instanceof Error ? error.message : String(error) });
    process.exit(1);
  };
  const stopping = new AbortController();
  const orders: Record<ToService, () => Promise<void>> = {
    async replay() {
      try {
        await new Feed(service.bus).replay(readFlights(), replaySeconds, stopping.signal);
        await tell({ type: 'replayed' });
      } catch (error) {
        if (!stopping.signal.aborted) throw error;
      }
    },
    async stop() {
      stopping.abort();
      // The container is empty afterwards, and what still arrives until then counts.
      const counts = service.ready && service.container.isBound(Statistics);
      const statistics = counts ? service.container.get(Statistics) : undefined;
      await service.stop();
      if (statistics !== undefined) await tell({ type: 'counted', departures: statistics.departures });
      process.exit();
    },
  };
  process.on('message', (order: ToService) => orders[order]().catch(fail));

  await service.start().catch(fail);
  await tell({ type: 'ready', instance: service.bus.instance });
}
