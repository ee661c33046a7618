import { createRequire } from 'node:module';
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import type { PrettyOptions } from 'pino-pretty';
import { contextFields } from './log-context.js';

/** What `LOG_LEVEL` may say. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface PinoLoggerOptions {
  readonly service: string;
  readonly level: LogLevel;
  /** For people at a terminal; else one JSON object per line. */
  readonly pretty: boolean;
  /** @default standard output */
  readonly destination?: DestinationStream;
}

const STANDARD_OUTPUT = 1;

/** Lines are written at once (pino's own default is later), so that they keep their order with what else is printed, and none is lost when the process ends. */
export function createPinoLogger({ service, level, pretty, destination }: PinoLoggerOptions): PinoLogger {
  const options = { level, base: { service }, mixin: contextFields };
  const prettily = pretty ? prettyStream(destination) : undefined;
  return pino(options, prettily ?? destination ?? pino.destination({ dest: STANDARD_OUTPUT, sync: true }));
}

/** Nothing where pino-pretty is not to be had, as in a bundle: then the lines are JSON. */
function prettyStream(destination: DestinationStream | undefined): DestinationStream | undefined {
  return loadPretty()?.({
    sync: true,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
    messageFormat: '[{service}] {msg}',
    ignore: 'pid,hostname,service,instance,subscriptions',
    ...(destination === undefined ? { colorize: true } : { colorize: false, destination: destination as never }),
  });
}

function loadPretty(): ((options: PrettyOptions) => DestinationStream) | undefined {
  try {
    // Only when it is needed, because loading it takes longer than everything else at start.
    return createRequire(import.meta.url)('pino-pretty');
  } catch {
    return undefined;
  }
}
