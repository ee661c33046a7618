import type { Logger as BusLogger } from '@belfry/core';
import { contextFields } from './log-context.js';

/**
 * Writes log lines: what a handler class asks its container for. Each line written while a message is handled carries its
 * `correlationId`, `messageId` and `trace_id`. A class, so that it is its own token:
 * `constructor(@inject(Logger) private readonly logger: Logger) {}`.
 */
export abstract class Logger {
  abstract debug(message: string): void;
  abstract debug(fields: object, message: string): void;
  abstract info(message: string): void;
  abstract info(fields: object, message: string): void;
  abstract warn(message: string): void;
  abstract warn(fields: object, message: string): void;
  abstract error(message: string): void;
  abstract error(fields: object, message: string): void;
}

/** Gives a logger that somebody else has made what Belfry's own has: the context's fields, and lines without fields. */
export function withContext(logger: BusLogger): Logger {
  const write =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (first: object | string, message = ''): void =>
      typeof first === 'string'
        ? logger[level](contextFields(), first)
        : logger[level]({ ...contextFields(), ...first }, message);
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}
