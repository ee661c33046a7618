// What is to become of what a stranger writes, said once more and in another way than the code under test says it.
import { RECORD_SEPARATOR, type Target } from './corpus.js';

export type Verdict = 'good' | 'unreadable' | 'tooLarge' | 'wrongContract' | 'invalid';

const texts = ['time', 'datacontenttype', 'partitionkey', 'correlationid', 'causationid', 'traceparent', 'tracestate'];
/** A frame has so many records at most; what stands behind them is one body. */
const MOST_RECORDS = 1024;

/** What one Pub/Sub message holds. */
export function bodiesIn(message: Buffer): string[] {
  const text = message.toString();
  if (!text.startsWith(RECORD_SEPARATOR)) return [text];
  const all = text.slice(1).split(RECORD_SEPARATOR);
  const records = all.slice(0, MOST_RECORDS - 1);
  if (all.length >= MOST_RECORDS) records.push(all.slice(MOST_RECORDS - 1).join(RECORD_SEPARATOR));
  return records
    .map((record) => (record.endsWith('\n') ? record.slice(0, -1) : record))
    .filter((record) => record !== '');
}

/** An envelope as anybody may have written it; `undefined` where the text is none. */
export function envelopeIn(body: string): Record<string, unknown> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const envelope = value as Record<string, unknown>;
  const isAbsent = (name: string) => envelope[name] === undefined || envelope[name] === null;
  const has = (name: string, ...types: string[]) => types.includes(typeof envelope[name]);
  const fits =
    envelope.specversion === '1.0' &&
    ['id', 'source', 'type'].every((name) => has(name, 'string') && envelope[name] !== '') &&
    texts.every((name) => isAbsent(name) || has(name, 'string')) &&
    (isAbsent('dataversion') || has('dataversion', 'string', 'number')) &&
    (isAbsent('timeoutms') || (has('timeoutms', 'number') && (envelope.timeoutms as number) >= 0));
  return fits ? envelope : undefined;
}

/** Data of the contracts of these tests. */
export const fitsSchema = (data: unknown): boolean => {
  const { n, note } = (data ?? {}) as { n?: unknown; note?: unknown };
  return Number.isFinite(n) && !Array.isArray(data) && (note === undefined || typeof note === 'string');
};

/** @param target absent: whoever asked takes events of every type */
export function verdictOf(body: string, limit: number, target?: Target): Verdict {
  if (Buffer.byteLength(body) > limit) return 'tooLarge';
  const envelope = envelopeIn(body);
  if (envelope === undefined) return 'unreadable';
  if (target === undefined) return 'good';
  const { type, dataversion } = envelope;
  if (type !== target.type || String(dataversion ?? 1) !== String(target.version)) return 'wrongContract';
  return fitsSchema(envelope.data) ? 'good' : 'invalid';
}

/** How many of each. */
export function tally(verdicts: readonly Verdict[]): Record<Verdict, number> {
  const counts: Record<Verdict, number> = { good: 0, unreadable: 0, tooLarge: 0, wrongContract: 0, invalid: 0 };
  for (const verdict of verdicts) counts[verdict]++;
  return counts;
}
