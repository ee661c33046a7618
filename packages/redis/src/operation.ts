/** One command, as an ACL looks at it: what it is, and what it touches. */
export interface Operation {
  /** As an ACL names it: `hset`, `xgroup|create`. */
  readonly command: string;
  /** Names, in which {@link ANY} and {@link INSTANCE} stand for what is not known before. */
  readonly keys?: readonly string[];
  readonly channels?: readonly string[];
  /** Belfry works without it, and loses something: it stands in the rules, and its absence stops no start. */
  readonly optional?: true;
}

// Halves of a character: no name that Redis can be given has them.
/** In a name: whatever stands there. */
export const ANY = '\ud800';
/** In a name: an instance's id. */
export const INSTANCE = '\ud801';

const DIGITS = 16;

/** The glob that matches the name, and nothing else than it must: also where a literal name has characters that a glob, or a rule, cannot have. */
export const globOf = (name: string): string =>
  name
    .replace(/[*?[\]\\]/g, '\\$&')
    // In a rule they would end the pattern, the selector, or the argument.
    .replace(/[ \p{Cc}()"']/gu, (character) => '?'.repeat(Buffer.byteLength(character)))
    .replaceAll(ANY, '*')
    .replaceAll(INSTANCE, '?'.repeat(DIGITS));

/** A name that the glob is for. */
const sampleOf = (name: string): string => name.replaceAll(ANY, 'any').replaceAll(INSTANCE, '0'.repeat(DIGITS));

/** The command whole, with names that are possible: for `redis.acl_check_cmd`. */
export function sampleCommand({ command, keys = [], channels = [] }: Operation): string[] {
  // A pattern is allowed only where a rule has the same pattern, letter for letter.
  const names = [...keys, ...channels].map(command === 'psubscribe' ? globOf : sampleOf);
  const words = command.split('|');
  switch (command) {
    case 'eval':
    case 'evalsha':
      return [command, '', String(names.length), ...names];
    case 'xreadgroup':
      return [command, 'GROUP', 'group', 'consumer', 'STREAMS', ...names, '>'];
    case 'set':
      return [command, ...names, ''];
    default:
      return [...words, ...names];
  }
}

/** What it touches, in words of an ACL: `~belfry:{shop:orders.placed}:members`, `&mychannel`. */
export const patternsOf = ({ keys = [], channels = [] }: Operation): string[] => [
  ...keys.map((key) => `~${globOf(key)}`),
  ...channels.map((channel) => `&${globOf(channel)}`),
];
