import type { Book, Publish } from './book.js';
import { kinds } from './contracts.js';
import type { Finding, Verdict } from './ledger.js';

/** So many ids are shown of what does not add up. */
const MOST_IDS = 10;
/** What one process may grow by, from the first quarter of its samples to the last. */
const MOST_GROWTH = 150 * 1024 * 1024;
const LONGEST_BLOCK_MS = 1000;

/** What was wrong with the processes themselves. */
export function judgeProcesses({ records }: Book): Finding[] {
  const each = [...records];
  const blocked = each.flatMap(([slot, { stoodStill }]) =>
    // A machine that has too much to do lets processes wait: then they do not compute.
    stoodStill
      .filter(({ for: ms, computing }) => ms > LONGEST_BLOCK_MS && computing > ms * 0.8)
      .map(({ for: ms }) => `${slot}: ${ms} ms`),
  );
  const findings = [
    { rule: 'no process ends by itself, or fails', ids: each.flatMap(([, { wrong }]) => wrong) },
    { rule: `no event loop is blocked for more than ${LONGEST_BLOCK_MS} ms`, ids: blocked },
    { rule: 'no process grows', ids: each.filter(([, { rss }]) => growthOf(rss) > MOST_GROWTH).map(([slot]) => slot) },
    { rule: 'no queue overflows', ids: each.filter(([, { dropped }]) => dropped > 0).map(([slot]) => slot) },
  ];
  return findings.filter(({ ids }) => ids.length > 0);
}

/** What was published, and what became of it. */
export function summary(book: Book, { explained }: Verdict): string {
  const all = [...book.publishes.values()];
  const rows = kinds.map((kind) => {
    const of = all.filter((publish) => publish.kind === kind);
    const count = (...how: string[]) => of.filter((publish) => how.includes(publish.how ?? '')).length;
    const [confirmed, unconfirmed, undelivered] = [
      count('receipt', 'answer'),
      count('PUBLISH_UNCONFIRMED', 'REQUEST_TIMEOUT', 'REPLY_LOST'),
      count('TRANSPORT_UNAVAILABLE', 'NO_RESPONDERS', 'REQUEST_REJECTED'),
    ];
    const calls = of.reduce((sum, { id }) => sum + (book.handlings.get(id)?.length ?? 0), 0);
    const lost = kind === 'dealt' ? explained.lost.length : 0;
    const repeated = kind === 'logged' ? explained.repeated.length : 0;
    return [
      kind,
      of.length,
      confirmed,
      kind === 'told' ? '' : of.filter(({ group, how }) => how === 'receipt' && group === 0).length,
      unconfirmed,
      undelivered,
      calls,
      lost,
      repeated,
      `${longest(of)} ms`,
    ];
  });
  return table(
    ['', 'published', 'confirmed', 'to nobody', 'unconfirmed', 'undelivered', 'handled', 'lost', 'repeated', 'slowest'],
    rows,
  );
}

/** What could be lost at all. */
export const endangered = (book: Book, { explained }: Verdict): string => {
  const dealt = [...book.publishes.values()].filter(({ kind }) => kind === 'dealt').length;
  return `Of ${dealt} events for one member, ${explained.endangered} were published while a member was in trouble; ${explained.lost.length} of them are lost.`;
};

/** How the processes fared. */
export function processes(book: Book, lives: ReadonlyMap<string, number>): string {
  const rows = [...book.records].map(([slot, { rss, interruptions, stoodStill, missed, recovered }]) => {
    const [first, last] = quarters(rss);
    return [
      slot,
      lives.get(slot) ?? 0,
      interruptions,
      megabytes(first),
      megabytes(last),
      Math.max(0, ...stoodStill.map((each) => each.for)),
      Math.max(0, ...stoodStill.map(({ computing }) => computing)),
      recovered,
      missed,
    ];
  });
  return table(
    ['', 'lives', 'interrupted', 'MB', 'MB at the end', 'stood still ms', 'computing ms', 'recovered', 'missed'],
    rows,
  );
}

export const findingText = ({ rule, ids }: Finding): string =>
  `NOT SO: ${rule}\n    ${ids.length} of them: ${ids.slice(0, MOST_IDS).join(', ')}${ids.length > MOST_IDS ? ', …' : ''}`;

/** One publish in words, to find out what happened to it. */
export function story(book: Book, publish: Publish): string {
  const time = (at = 0) => new Date(at).toISOString().slice(17, 23);
  const handlings = (book.handlings.get(publish.id) ?? []).map(
    ({ slot, beganAt, endedAt, threw }) => `${slot} ${time(beganAt)}–${time(endedAt)}${threw ? ' threw' : ''}`,
  );
  return `${publish.id}: ${time(publish.begunAt)}–${time(publish.endedAt)} ${publish.how} ${publish.group ?? ''}; ${handlings.join(', ') || 'not handled'}`;
}

/** The means of the first and the last quarter of the samples. */
function quarters(samples: readonly number[]): [first: number, last: number] {
  const length = Math.max(1, Math.floor(samples.length / 4));
  const mean = (of: readonly number[]) => of.reduce((sum, each) => sum + each, 0) / Math.max(1, of.length);
  return [mean(samples.slice(0, length)), mean(samples.slice(-length))];
}

function growthOf(samples: readonly number[]): number {
  const [first, last] = quarters(samples);
  return last - first;
}

const longest = (publishes: readonly Publish[]): number =>
  Math.max(0, ...publishes.map(({ begunAt, endedAt = begunAt }) => endedAt - begunAt));
const megabytes = (bytes: number): number => Math.round(bytes / 1024 / 1024);

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const lines = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map((line) =>
      line.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join('  '),
    )
    .join('\n');
}
