import type { Address } from './server.js';

/** How the hosts of a URL are called in messages, and their default port. */
export interface HostsOf {
  /** What a host is called, for messages. */
  readonly noun: string;
  /** Where none is named. */
  readonly port: number;
  /** How it should look. */
  readonly example: string;
}

export interface Login {
  readonly username?: string;
  readonly password?: string;
}

/** Reads `host:port,host`. What is no host is a mistake, and left out. */
export function readHosts(text: string, { noun, port, example }: HostsOf, mistakes: string[]): Address[] {
  return text.split(',').flatMap((part, place) => {
    const address = toAddress(part, port);
    if (address !== undefined) return [address];
    mistakes.push(`the ${place + 1}. ${noun} of url is no host and port from 1 to 65535; it must be ${example}`);
    return [];
  });
}

/** Reads `user:password`, each with escapes. */
export function readLogin(text: string, mistakes: string[]): Login {
  const [user = '', secret] = text.split(/:(.*)/s);
  const username = unescaped(user, 'user', mistakes);
  const password = secret && unescaped(secret, 'password', mistakes);
  return { ...(username && { username }), ...(password && { password }) };
}

/** `host:port`, `[::1]:port`, or a host alone. */
export function toAddress(text: string, defaultPort: number): Address | undefined {
  const [, bracketed, host = bracketed, digits = defaultPort] =
    /^(?:\[([0-9a-f:.]+)\]|([^:\s[\]]+))(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const port = Number(digits);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

/** A part of a URL as it was meant. Says what is wrong with it without quoting it: it may be a password. */
export function unescaped(text: string, what: string, mistakes: string[]): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    mistakes.push(`the ${what} in url has a % that begins no escape; % itself is written %25`);
    return undefined;
  }
}
