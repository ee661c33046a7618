import { parseArgs } from 'node:util';
import { Feed } from './feed.js';
import type { FromService, ToService } from './messages.js';
import { readFlights } from './records.js';
import { createFlightService, isServiceName } from './services.js';
import { Statistics } from './statistics.js';

// One service in a process of its own. It is started by many-processes.ts, and does what that says over the pipe between them.
// Where Redis is, and the namespace, stand in BELFRY_URL and BELFRY_NAMESPACE.

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '' },
    work: { type: 'string', default: '' },
  },
});
const [name = ''] = positionals;
if (!isServiceName(name) || process.send === undefined) throw new Error('This file is run by demo.js.');

// Ctrl-C reaches every process of a terminal. The parent decides who stops when; without it, nothing is left to do.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());

const tell = (message: FromService): Promise<void> =>
  new Promise((done) => process.send?.(message, undefined, undefined, () => done()));

const fail = async (error: unknown): Promise<void> => {
  await tell({ type: 'failed', reason: error instanceof Error ? error.message : String(error) });
  process.exit(1);
};

const service = createFlightService(name, {
  workTimeMs: Number(values.work),
  write: (entry) => void tell({ type: 'entry', entry }),
});

const stopping = new AbortController();

const orders: Record<ToService, () => Promise<void>> = {
  async replay() {
    try {
      await new Feed(service.bus).replay(readFlights(), Number(values.seconds), stopping.signal);
      await tell({ type: 'replayed' });
    } catch (error) {
      if (!stopping.signal.aborted) throw error;
    }
  },
  async stop() {
    stopping.abort();
    // The container is empty afterwards, and what still arrives until then counts.
    const statistics = name === 'statistics' && service.ready ? service.container.get(Statistics) : undefined;
    await service.stop();
    if (statistics !== undefined) await tell({ type: 'counted', airportDays: statistics.airportDays });
    process.exit();
  },
};
process.on('message', (order: ToService) => orders[order]().catch(fail));

await service.start().catch(fail);
await tell({ type: 'ready', instance: service.bus.instance });
