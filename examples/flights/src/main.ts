import { setTimeout } from 'node:timers/promises';
import { BelfryError, runService, type Service } from 'belfry';
import { Feed } from './feed.js';
import { readFlights } from './records.js';
import { flightServiceOptions, isServiceName } from './services.js';

// One service, as it is deployed: `node dist/main.js delays`. Everything else it needs to know stands in its environment. SIGTERM drains it.

const PAUSE_MS = 5000;

const [name = ''] = process.argv.slice(2);
if (!isServiceName(name)) throw new Error(`Which service? ${JSON.stringify(name)} is none.`);

// Before the service hears of it: who publishes stops first, so that nothing is refused.
const stopping = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopping.abort());

const service = await runService({
  ...flightServiceOptions(name, { workTimeMs: numberFrom('WORK_MS', 0) }),
  startup: 'wait',
});
if (name === 'feed') await replayForEver(service, numberFrom('FEED_SECONDS', 900));

function numberFrom(variable: string, fallback: number): number {
  const text = process.env[variable] || `${fallback}`;
  const number = Number(text);
  if (number >= 0) return number;
  throw new Error(`${variable} must be a number, not ${JSON.stringify(text)}.`);
}

/** Over and over: whoever comes to look at the board sees flights depart. */
async function replayForEver({ bus, logger }: Service, seconds: number): Promise<void> {
  const feed = new Feed(bus);
  while (!stopping.signal.aborted) {
    try {
      logger.info(`Replays the flights in ${seconds} s.`);
      await feed.replay(readFlights(), seconds, stopping.signal);
    } catch (error) {
      if (stopping.signal.aborted) return;
      if (!BelfryError.is(error)) throw error;
      // Redis is away, or nobody is there yet: a feed of yours would go on where it was.
      logger.warn({ err: error }, 'The replay was interrupted, and begins anew.');
    }
    await setTimeout(PAUSE_MS, undefined, { signal: stopping.signal }).catch(() => {});
  }
}
