import type { Logger } from '../logger.js';

/** One line that was logged. */
export interface LogLine {
  readonly level: keyof Logger;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** Keeps what is logged. */
export class RecordedLogger implements Logger {
  readonly lines: LogLine[] = [];
  readonly debug = this.#keep('debug');
  readonly info = this.#keep('info');
  readonly warn = this.#keep('warn');
  readonly error = this.#keep('error');

  /** What was logged on a level. */
  at(level: keyof Logger): LogLine[] {
    return this.lines.filter((line) => line.level === level);
  }

  /** Everything as one text, as a log file would have it. */
  get text(): string {
    return this.lines.map((line) => JSON.stringify(line, withErrors)).join('\n');
  }

  #keep(level: keyof Logger): (fields: object, message: string) => void {
    return (fields, message) => {
      this.lines.push({ level, fields: fields as LogLine['fields'], message });
    };
  }
}

const withErrors = (_: string, value: unknown): unknown => (value instanceof Error ? `${value.stack}` : value);
