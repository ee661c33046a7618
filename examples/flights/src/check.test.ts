import { describe, expect, it } from 'vitest';
import { check, expectedFlights } from './check.js';
import { Journal, type JournalEntry } from './journal.js';
import { readFlights } from './records.js';
import type { Evidence } from './run.js';
import { departureLines, summaryLines } from './summary.js';
import type { Truth } from './truth.js';

const truth: Truth = {
  flights: { 'flights.departed': new Set([1, 2]), 'flights.delayed': new Set([2]) },
  airportDays: { 'flights.departed': { 'ORD 2001-01-01': 2 }, 'flights.delayed': { 'ORD 2001-01-01': 1 } },
  departures: { ORD: [1, 2] },
};
const departures = readFlights().slice(0, 2);

const entry = (did: JournalEntry['did'], name: string, flight?: number): JournalEntry => ({ did, name, flight });

const departed = [entry('handled', 'flights.departed', 1), entry('handled', 'flights.departed', 2)];

/** Each of the instances, and what it did. */
const faultless: readonly (readonly [service: string, entries: readonly JournalEntry[]])[] = [
  ['feed', [entry('published', 'flights.departed', 1), entry('published', 'flights.departed', 2)]],
  ['airports', [...departed, entry('answered', 'airports.lookup')]],
  ['airports', [...departed, entry('answered', 'airports.lookup')]],
  ['delays', [departed[0]!, entry('asked', 'airports.lookup')]],
  ['delays', [departed[1]!, entry('published', 'flights.delayed', 2)]],
  ['statistics', [departed[0]!]],
  ['statistics', [departed[1]!, entry('handled', 'flights.delayed', 2)]],
  ['board', [...departed, entry('handled', 'flights.delayed', 2), entry('asked', 'airports.lookup')]],
];
const everyEntry = faultless.flatMap(([, entries], instance) => entries.map((_, at) => ({ instance, at })));

/** What a run amounts to in which the entries of each instance were changed like this. */
function evidence(
  change: (entries: JournalEntry[], instance: number, service: string) => JournalEntry[] = (entries) => entries,
): Evidence {
  const journals = faultless.map(([service, entries], instance) => {
    const journal = new Journal(service);
    journal.entries.push(...change([...entries], instance, service));
    return journal;
  });
  return { journals, airportDays: truth.airportDays, departures };
}

describe('the check', () => {
  it('finds nothing where nothing is wrong', () => {
    const flights = everyEntry.filter(({ instance, at }) => faultless[instance]![1][at]!.flight !== undefined);
    expect(expectedFlights(truth)).toBe(flights.length);
    const result = check(truth, evidence());
    expect(result.problems).toEqual([]);
    expect(result.services).toEqual([
      { service: 'feed', published: 2, handled: 0, missed: 0, twice: 0, retried: 0, asked: 0, answered: 0 },
      { service: 'airports', published: 0, handled: 4, missed: 0, twice: 0, retried: 0, asked: 0, answered: 2 },
      { service: 'delays', published: 1, handled: 2, missed: 0, twice: 0, retried: 0, asked: 1, answered: 0 },
      { service: 'statistics', published: 0, handled: 3, missed: 0, twice: 0, retried: 0, asked: 0, answered: 0 },
      { service: 'board', published: 0, handled: 3, missed: 0, twice: 0, retried: 0, asked: 1, answered: 0 },
      { service: 'demo', published: 0, handled: 0, missed: 0, twice: 0, retried: 0, asked: 0, answered: 0 },
    ]);
    expect(summaryLines(result)).toContain(
      'published: 3  handled: 12  missed: 0  twice: 0  retried: 0  asked: 2  answered: 2',
    );
  });

  it('finds every entry that is missing', () => {
    for (const { instance, at } of everyEntry) {
      const lost = faultless[instance]![1][at]!;
      const result = check(
        truth,
        evidence((entries, other) => (other === instance ? entries.toSpliced(at, 1) : entries)),
      );
      expect(result.problems, JSON.stringify(lost)).not.toEqual([]);
      const missed = result.services.reduce((sum, service) => sum + service.missed, 0);
      // Without its publication it is no miss, but handled by services that nobody had told.
      expect(missed, JSON.stringify(lost)).toBe(lost.did === 'handled' ? 1 : 0);
    }
  });

  it('finds every entry that is there twice', () => {
    for (const { instance, at } of everyEntry) {
      const again = faultless[instance]![1][at]!;
      const result = check(
        truth,
        evidence((entries, other) => (other === instance ? [...entries, again] : entries)),
      );
      expect(result.problems, JSON.stringify(again)).toHaveLength(1);
      const twice = result.services.reduce((sum, service) => sum + service.twice, 0);
      expect(twice, JSON.stringify(again)).toBe(again.did === 'handled' ? 1 : 0);
    }
  });

  it('finds what both replicas of a service handled', () => {
    const both = evidence((entries, _, service) => (service === 'delays' ? [departed[0]!, ...entries] : entries));
    expect(check(truth, both).problems).toEqual(['delays handled flights.departed twice: 1']);
  });

  it('expects no more of a broadcast from a process that died, but of the others', () => {
    const dead = evidence((entries, instance) => (instance === 1 ? entries.slice(1) : entries));
    dead.journals[1]!.death = 'airports was killed';
    expect(check(truth, dead).problems).toEqual(['airports was killed']);
    const both = evidence((entries, _, service) => (service === 'airports' ? entries.slice(1) : entries));
    both.journals[1]!.death = 'airports was killed';
    expect(check(truth, both).problems).toEqual(['airports was killed', 'airports missed flights.departed: 1']);
  });

  it('finds a request that nobody answered', () => {
    const lost = evidence((entries) => entries.filter(({ did }) => did !== 'answered'));
    expect(check(truth, lost).problems).toEqual(['airports.lookup: asked 2 times, answered 0']);
  });

  it('finds a list that lacks a departure, or has another', () => {
    for (const listed of [departures.slice(1), departures.toReversed()]) {
      expect(check(truth, { ...evidence(), departures: listed }).problems).toEqual([
        `airports listed ${listed.length} departures of ORD, not the 2 that the file says`,
      ]);
    }
  });

  it('finds a service that did nothing at all', () => {
    const idleBoard = evidence((entries, _, service) =>
      entries.filter(({ flight }) => !(service === 'board' && flight)),
    );
    expect(check(truth, idleBoard).problems).toEqual([
      'board missed flights.departed: 1 2',
      'board missed flights.delayed: 2',
    ]);
    const nothing = evidence(() => []);
    expect(check(truth, nothing).problems).toContain('feed did not publish flights.departed: 1 2');
  });

  it('finds flights that do not exist', () => {
    const invented: Record<string, JournalEntry[]> = {
      feed: [entry('published', 'flights.departed', 3)],
      board: [entry('handled', 'flights.delayed', 1)],
    };
    const more = evidence((entries, _, service) => [...entries, ...(invented[service] ?? [])]);
    expect(check(truth, more).problems).toEqual(
      expect.arrayContaining([
        'feed published flights.departed, which the file does not say: 3',
        'board handled flights.delayed, which nobody published: 1',
      ]),
    );
  });

  it.each([
    [
      'flights.departed',
      0,
      'statistics counted flights.departed wrong on 1 airport days, first ORD 2001-01-01: 0; the file says 2',
    ],
    [
      'flights.delayed',
      2,
      'statistics counted flights.delayed wrong on 1 airport days, first ORD 2001-01-01: 2; the file says 1',
    ],
  ])('finds a wrong count of %s', (event, count, problem) => {
    const airportDays = { ...truth.airportDays, [event]: { 'ORD 2001-01-01': count } };
    expect(check(truth, { ...evidence(), airportDays }).problems).toEqual([problem]);
  });

  it('finds a count of a day that the file does not have', () => {
    const airportDays = { ...truth.airportDays, 'flights.delayed': { 'ORD 2001-01-01': 1, 'ORD 2001-01-02': 1 } };
    expect(check(truth, { ...evidence(), airportDays }).problems).toEqual([
      'statistics counted flights.delayed wrong on 1 airport days, first ORD 2001-01-02: 1; the file says 0',
    ]);
  });

  it('counts what was done at a later attempt, and takes it for no fault', () => {
    const retried = evidence((entries) =>
      entries.map((each) =>
        each.name === 'flights.delayed' && each.did === 'handled' ? { ...each, attempt: 2 } : each,
      ),
    );
    const { problems, services } = check(truth, retried);
    expect(problems).toEqual([]);
    expect(services.map(({ service, retried }) => [service, retried])).toContainEqual(['statistics', 1]);
  });

  it('goes by the committed count where a killed replica could not write down what it did', () => {
    const killed = evidence((entries, instance) => (instance === 6 ? entries.slice(0, 1) : entries));
    killed.journals[6]!.death = 'statistics was killed';
    const { problems, services } = check(truth, killed);
    expect(problems).toEqual(['statistics was killed']);
    expect(services.find(({ service }) => service === 'statistics')).toMatchObject({ handled: 3, missed: 0 });

    const uncounted = { ...truth.airportDays, 'flights.delayed': {} };
    expect(check(truth, { ...killed, airportDays: uncounted }).problems).toEqual([
      'statistics was killed',
      'statistics missed flights.delayed: 2',
      expect.stringContaining('statistics counted flights.delayed wrong on 1 airport days'),
    ]);
  });
});

it('the first departures of the list are shown', () => {
  expect(departureLines('ORD', departures)).toEqual([
    '2 departures of ORD, as `airports` lists them:',
    '2001-01-01 01:10  HNL → SFO',
    '2001-01-01 06:55  LAX → BNA',
  ]);
  expect(departureLines('ORD', readFlights())).toHaveLength(5);
});
