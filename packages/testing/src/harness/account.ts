import type { Running } from './activity.js';
import { inLine, localName, summaryOf } from './envelopes.js';
import type { Fact } from './facts.js';
import type { LogLine } from './log.js';
import type { Expected } from './outlook.js';

const MOST_LINES = 20;

/** What an account is given of. */
export interface Accounted {
  readonly facts: readonly Fact[];
  readonly running: readonly Running[];
  readonly expected: readonly Expected[];
  readonly logs: readonly LogLine[];
  readonly namespace: string;
  readonly now: number;
}

/** Tells what has happened, what goes on, and what is still to come, in words. */
export function accountOf({ facts, running, expected, logs, namespace, now }: Accounted): string {
  const warnings = logs.filter(({ level }) => level === 'warn' || level === 'error');
  return [
    ...part('What happened, the newest last:', facts.map(inWords), 'Nothing has happened.'),
    ...part(
      'Being handled:',
      running.map(({ title, since }) => `${title}, for ${durationOf(now - since)}`),
    ),
    ...part(
      'Still to come, when the clock is turned:',
      expected.map((each) => comingUp(each, namespace, now)),
    ),
    ...part(
      'Logged:',
      warnings.map(({ level, message }) => `${level}: ${message}`),
    ),
  ].join('\n');
}

const what = {
  published: 'published',
  asked: 'asked',
  handled: 'handled',
  failed: 'failed',
  deadLettered: 'dead letter',
} as const;

/** One thing that happened, in a line. */
export function inWords(fact: Fact): string {
  const head = `${what[fact.did].padEnd(11)} ${fact.type} ${inLine(fact.data)} by ${fact.by}`;
  if (fact.did === 'failed') {
    const attempt = fact.attempt > 1 ? `, attempt ${fact.attempt}` : '';
    return `${head}${attempt}: ${String(fact.error)}`;
  }
  if (fact.did === 'deadLettered') return `${head}, group ${fact.group}: ${fact.reason.message}`;
  return head;
}

function part(title: string, lines: readonly string[], empty?: string): string[] {
  if (lines.length === 0) return empty === undefined ? [] : [empty];
  const left = lines.length - MOST_LINES;
  return [title, ...(left > 0 ? [`  … ${left} more`] : []), ...lines.slice(-MOST_LINES).map((line) => `  ${line}`)];
}

function comingUp({ at, channel, body, group, attempt }: Expected, namespace: string, now: number): string {
  const event = summaryOf(body, localName(channel, namespace));
  const how = group === undefined ? 'which is delayed' : `attempt ${attempt} of the group ${group}`;
  return `in ${durationOf(at - now)}: ${event}, ${how}`;
}

/** A duration as a harness takes it. */
export function durationOf(milliseconds: number): string {
  const ms = Math.max(0, Math.round(milliseconds));
  for (const [unit, size] of units) if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  return ms > 10_000 ? `${Math.round(ms / 1000)}s` : `${ms}ms`;
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;
