/** What Belfry logs to. A pino logger fits as it is. Belfry never hands payloads or secrets to it. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const plain = (fields: object): object =>
  'err' in fields && fields.err instanceof Error ? { ...fields, err: fields.err.stack ?? fields.err.message } : fields;

/** Warnings and errors to the console: what a bus uses when it is given no logger, so that nothing is swallowed. */
export const consoleLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (fields, message) => console.warn(`belfry: ${message}`, plain(fields)),
  error: (fields, message) => console.error(`belfry: ${message}`, plain(fields)),
};

/** Says nothing. */
export const silentLogger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** The same logger, except that it cannot throw: a broken log must not stop what it reports on. */
export function unbreakable(logger: Logger): Logger {
  const attempt = (level: keyof Logger) => (fields: object, message: string) => {
    try {
      logger[level](fields, message);
    } catch {
      // There is nowhere left to say it.
    }
  };
  return { debug: attempt('debug'), info: attempt('info'), warn: attempt('warn'), error: attempt('error') };
}
