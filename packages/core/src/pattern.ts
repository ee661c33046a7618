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

function matchesSegments([head, ...tail]: string[], segments: string[]): boolean {
  if (head === undefined) return segments.length === 0;
  if (head === '**') return segments.some((_, index) => matchesSegments(tail, segments.slice(index + 1)));
  return segments.length > 0 && (head === '*' || head === segments[0]) && matchesSegments(tail, segments.slice(1));
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
