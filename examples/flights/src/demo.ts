import { type Arguments, readArguments, UsageError, usage } from './arguments.js';
import { check, expectedFlights } from './check.js';
import { runInProcesses } from './many-processes.js';
import { runInOneProcess } from './one-process.js';
import { pageAddressFrom } from './page-address.js';
import { LISTED_AIRPORT } from './run.js';
import { departureLines, summaryLines } from './summary.js';
import { computeTruth } from './truth.js';

// The main program: replays the flights, and checks what became of them.

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // Not `once`: signal-exit, which comes with log-update, kills the process when it finds no listener left beside its own.
  process.on(signal, () => {
    if (interruption.signal.aborted) process.exit(130); // asked twice: the services stop with the pipe to them
    interruption.abort();
  });
}

try {
  const options = readArguments(process.argv.slice(2), process.env);
  if (options.help) console.log(usage);
  else process.exitCode = await replay(options);
} catch (error) {
  process.exitCode = explain(error);
}

/** @returns the exit code */
async function replay({ redisUrl, seconds, workTimeMs, boardPort }: Arguments): Promise<number> {
  const truth = computeTruth();
  const page = boardPort === undefined ? pageAddressFrom(process.env) : { port: boardPort, host: '127.0.0.1' };
  const options = { seconds, workTimeMs, page, expectedFlights: expectedFlights(truth), signal: interruption.signal };
  const flights = truth.flights['flights.departed'].size;
  const where =
    redisUrl === undefined ? 'one process, memory:' : `a process for each service, ${withoutSecrets(redisUrl)}`;
  console.log(`${flights} flights in ${seconds} s, ${where}\n`);
  if (page !== undefined) console.log(`The board: http://${page.host}:${page.port}/\n`);
  const evidence = redisUrl === undefined ? await runInOneProcess(options) : await runInProcesses(redisUrl, options);
  const result = check(truth, evidence);
  console.log(`\n${departureLines(LISTED_AIRPORT, evidence.departures).join('\n')}`);
  console.log(`\n${summaryLines(result).join('\n')}`);
  return result.problems.length === 0 ? 0 : 1;
}

function withoutSecrets(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}

/** @returns the exit code */
function explain(error: unknown): number {
  if (interruption.signal.aborted) {
    console.log('Stopped.');
    return 130;
  }
  console.error(error instanceof Error ? error.message : error);
  if (!(error instanceof UsageError)) return 1;
  console.error(`\n${usage}`);
  return 2;
}
