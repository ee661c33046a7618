import { BelfryError } from '@belfry/contracts';

const version = /\.v\d+$/;

/**
 * True when the name of an event matches a pattern, segment by segment: `*` is one segment, `**` one or more.
 * A pattern means the first version of events, unless it ends in a version itself: `orders.*` never matches `orders.placed.v2`,
 * and `orders.**.v2` matches only second versions.
 */
export function matchesPattern(pattern: string, channel: string): boolean {
  const [patternVersion] = version.exec(pattern) ?? [''];
  const [channelVersion] = version.exec(channel) ?? [''];
  if (patternVersion !== channelVersion) return false;
  return matchesSegments(
    pattern.slice(0, pattern.length - patternVersion.length).split('.'),
    channel.slice(0, channel.length - channelVersion.length).split('.'),
  );
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
  if (/^(\*{1,2}|[a-z0-9][a-z0-9_-]*)(\.(\*{1,2}|[a-z0-9][a-z0-9_-]*))*$/.test(pattern)) return;
  throw new BelfryError('CONTRACT_INVALID', {
    message: `${JSON.stringify(pattern)} is no pattern of event names.`,
    hint: "Patterns match segment by segment: 'orders.*' (one segment), 'orders.**' (one or more), 'orders.*.v2' (second versions).",
  });
}
