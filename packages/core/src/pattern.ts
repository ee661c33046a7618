import { BelfryError } from '@belfry/contracts';

const version = /\.v\d+$/;

/**
 * True when the name of an event matches a pattern, segment by segment: `*` is one segment, `**` one or more.
 * A namespace in front of both (`shop:`) is compared as it is. A pattern means the first version of events, unless it ends in a version itself: `orders.*` never matches `orders.placed.v2`,
 * and `orders.**.v2` matches only second versions.
 */
export function matchesPattern(pattern: string, channel: string): boolean {
  const wanted = partsOf(pattern);
  const given = partsOf(channel);
  if (wanted.namespace !== given.namespace || wanted.version !== given.version) return false;
  return matchesSegments(wanted.segments, given.segments);
}

/** `shop:orders.placed.v2`: a namespace, segments, and a version. No wildcard stands for the first or the last. */
function partsOf(text: string): { namespace: string; segments: string[]; version: string } {
  const namespace = text.slice(0, text.lastIndexOf(':') + 1);
  const [suffix] = version.exec(text) ?? [''];
  return { namespace, segments: text.slice(namespace.length, text.length - suffix.length).split('.'), version: suffix };
}

/** Whoever publishes chooses the channel: however many segments it has, it takes no more steps than those times the pattern's. */
function matchesSegments(wanted: readonly string[], given: readonly string[]): boolean {
  let [at, next] = [0, 0];
  /** The last `**` so far, and where what stands behind it was looked for. */
  let [rest, from] = [-1, 0];
  while (next < given.length) {
    const head = wanted[at];
    if (head === '**') {
      rest = at++;
      from = ++next;
    } else if (head !== undefined && (head === '*' || head === given[next])) {
      at++;
      next++;
    } else if (rest >= 0) {
      at = rest + 1;
      next = ++from; // it takes one segment more
    } else return false;
  }
  return at === wanted.length;
}

/**
 * Refuses a pattern that could match no event.
 * @throws BelfryError `CONTRACT_INVALID`
 */
export function checkPattern(pattern: string): void {
  const wellFormed = /^(\*{1,2}|[a-z0-9][a-z0-9_-]*)(\.(\*{1,2}|[a-z0-9][a-z0-9_-]*))*$/.test(pattern);
  if (wellFormed && !/\.v(0\d*|1)$/.test(pattern)) return; // a first version has no suffix
  throw new BelfryError('CONTRACT_INVALID', {
    message: `${JSON.stringify(pattern)} is no pattern of event names.`,
    hint: "Patterns match segment by segment: 'orders.*' (one segment), 'orders.**' (one or more), 'orders.*.v2' (second versions).",
  });
}
