import { createHash } from 'node:crypto';
import { BelfryError } from '@belfry/contracts';
import type { Usage } from '@belfry/core';
import { type Operation, patternsOf } from './operation.js';
import { type Circumstances, commonOperations, operationsOf } from './usage-operations.js';

/** For whom, and for what, {@link accessRules} are. */
export interface AccessRulesOptions extends Circumstances {
  /** The ACL user. */
  readonly user: string;
  /** Everything that it does. */
  readonly usages: readonly Usage[];
  /** Only its SHA-256 stands in the rules. Absent: the password, if the user has one, stays as it is. */
  readonly password?: string;
  /**
   * Rules of yours on top, each a selector or a command that touches nothing: `(+hincrby ~belfry:{shop:orders.placed}:totals)` for what
   * `context.commit` writes. @default none
   */
  readonly extra?: readonly string[];
}

/** The rights of one ACL user of Redis, and not one more. Made by {@link accessRules}. */
export interface AccessRules {
  readonly user: string;
  /** For redis-cli: `ACL SETUSER billing on …`. It replaces the rights that the user had. */
  readonly command: string;
  /** For an ACL file, or redis.conf: `user billing on …`. */
  readonly line: string;
  /** For a program: `redis.acl('SETUSER', rules.user, ...rules.rules)`. */
  readonly rules: readonly string[];
}

/**
 * The exact rights that a user of Redis needs for what it does, as `ACL SETUSER` takes them: each command only on the keys and channels on which it
 * is used, in a selector of its own, so that who may publish on a channel may not subscribe to it, and the other way round.
 * @throws BelfryError `OPTION_INVALID`
 */
export function accessRules(options: AccessRulesOptions): AccessRules {
  const { user, usages, password, extra = [] } = options;
  if (typeof user !== 'string' || !/^[^\s()"']+$/.test(user))
    throw wrong('user must be a name without spaces, brackets and quotes');
  for (const rule of extra) {
    if (typeof rule !== 'string' || !/^(\([^()]+\)|[+-][^\s()]+)$/.test(rule))
      throw wrong(`extra must be selectors in brackets, or commands like +ping, not ${JSON.stringify(rule)}`);
  }
  const operations = [...commonOperations(options), ...usages.flatMap((usage) => operationsOf(usage, options))];
  const rules = [
    'on',
    ...(password === undefined ? [] : ['resetpass', `#${createHash('sha256').update(password).digest('hex')}`]),
    'clearselectors',
    'resetkeys',
    'resetchannels',
    '-@all',
    ...toRules(operations),
    ...extra,
  ];
  const text = `${user} ${rules.join(' ')}`;
  return Object.freeze({ user, command: `ACL SETUSER ${text}`, line: `user ${text}`, rules: Object.freeze(rules) });
}

/** Rules that allow just these operations: what touches nothing by itself, everything else in selectors, as few as that takes. */
export function toRules(operations: readonly Operation[]): string[] {
  const plain = new Set<string>();
  const commands = new Map<string, Set<string>>();
  for (const operation of operations) {
    const patterns = patternsOf(operation);
    if (patterns.length === 0) plain.add(`+${operation.command}`);
    // A script is run with several keys at once: all of them must stand in one selector, and what scripts are run with stands in no other.
    const part = isScript(operation) ? 'script' : 'command';
    for (const pattern of patterns) added(commands, `${part} ${pattern}`, `+${operation.command}`);
  }
  // What has the same commands shares a selector: every combination of a command and a name in it is wanted.
  const selectors = new Map<string, Set<string>>();
  for (const [at, allowed] of commands) {
    const [part, pattern = ''] = at.split(' ');
    added(selectors, `${part} ${[...allowed].sort().join(' ')}`, pattern);
  }
  return [...[...plain].sort(), ...Array.from(selectors, ([what, patterns]) => selectorOf(what, [...patterns].sort()))];
}

function selectorOf(what: string, patterns: readonly string[]): string {
  const commands = what.slice(what.indexOf(' ') + 1);
  // Where acl-pubsub-default says so, a selector begins with all channels.
  const channels = patterns[0]!.startsWith('&') ? 'resetchannels ' : '';
  return `(${commands} ${channels}${patterns.join(' ')})`;
}

function added(map: Map<string, Set<string>>, key: string, value: string): void {
  const values = map.get(key) ?? new Set();
  map.set(key, values.add(value));
}

const isScript = ({ command }: Operation): boolean => command === 'eval' || command === 'evalsha';

const wrong = (what: string): BelfryError => new BelfryError('OPTION_INVALID', { message: `accessRules: ${what}.` });
