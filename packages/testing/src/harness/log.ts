import type { Logger } from '@belfry/core';

/** One line that a service logged. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Keeps what is logged, and passes it on when it is told where to. */
export class KeptLog implements Logger {
  readonly lines: LogLine[] = [];
  readonly debug = this.#keep('debug');
  readonly info = this.#keep('info');
  readonly warn = this.#keep('warn');
  readonly error = this.#keep('error');

  constructor(private readonly passOn?: Logger) {}

  #keep(level: LogLine['level']) {
    return (fields: object, message: string): void => {
      this.lines.push({ level, message, fields: fields as LogLine['fields'] });
      this.passOn?.[level](fields, message);
    };
  }
}
