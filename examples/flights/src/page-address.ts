import type { PageAddress } from './page-server.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** The port when somebody wants a page and does not say where. */
export const DEFAULT_BOARD_PORT = 8080;

/**
 * Where `BOARD_PORT` and `BOARD_HOST` want the page; `undefined` when they do not want one. Without `BOARD_HOST` only this machine can look
 * at it.
 * @throws Error when the port is none
 */
export function pageAddressFrom({ BOARD_PORT, BOARD_HOST }: Environment): PageAddress | undefined {
  if (!BOARD_PORT) return undefined;
  if (!isPort(BOARD_PORT))
    throw new Error(`BOARD_PORT must be a port, from 0 to 65535, not ${JSON.stringify(BOARD_PORT)}.`);
  return { port: Number(BOARD_PORT), host: BOARD_HOST || '127.0.0.1' };
}

export const isPort = (text: string): boolean => /^\d{1,5}$/.test(text) && Number(text) <= 65_535;
