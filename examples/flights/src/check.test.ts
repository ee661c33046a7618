import { describe, expect, it } from 'vitest';
import { check, expectedEntries } from './check.js';
import type { JournalEntry } from './journal.js';
import { summaryLines } from './summary.js';
import type { Truth } from './truth.js';

const truth: Truth = {
  flights: { 'flights.departed': new Set([1, 2]), 'flights.delayed': new Set([2]) },
  airportDays: { 'ORD 2001-01-01': { departed: 2, delayed: 1 } },
};

const entry = (service: string, did: JournalEntry['did'], event: string, flight: number): JournalEntry => ({
  service,
  did,
  event,
  flight,
});

const faultless = [
  entry('feed', 'published', 'flights.departed', 1),
  entry('feed', 'published', 'flights.departed', 2),
  entry('delays', 'handled', 'flights.departed', 1),
  entry('delays', 'handled', 'flights.departed', 2),
  entry('delays', 'published', 'flights.delayed', 2),
  ...['statistics', 'board'].flatMap((service) => [
    entry(service, 'handled', 'flights.departed', 1),
    entry(service, 'handled', 'flights.departed', 2),
    entry(service, 'handled', 'flights.delayed', 2),
  ]),
];

describe('the check', () => {
  it('finds nothing where nothing is wrong', () => {
    expect(expectedEntries(truth)).toBe(faultless.length);
    const result = check(truth, faultless, truth.airportDays);
    expect(result.problems).toEqual([]);
    expect(result.services).toEqual([
      { service: 'feed', published: 2, handled: 0, missed: 0, twice: 0 },
      { service: 'delays', published: 1, handled: 2, missed: 0, twice: 0 },
      { service: 'statistics', published: 0, handled: 3, missed: 0, twice: 0 },
      { service: 'board', published: 0, handled: 3, missed: 0, twice: 0 },
    ]);
    expect(summaryLines(result)).toContain('published: 3  handled: 8  missed: 0  twice: 0');
  });

  it('finds every entry that is missing', () => {
    for (const lost of faultless) {
      const result = check(
        truth,
        faultless.filter((other) => other !== lost),
        truth.airportDays,
      );
      expect(result.problems, JSON.stringify(lost)).not.toEqual([]);
      const missed = result.services.reduce((sum, service) => sum + service.missed, 0);
      expect(missed, JSON.stringify(lost)).toBe(lost.did === 'handled' ? 1 : 0);
    }
  });

  it('finds every entry that is there twice', () => {
    for (const again of faultless) {
      const result = check(truth, [...faultless, again], truth.airportDays);
      expect(result.problems, JSON.stringify(again)).toHaveLength(1);
      const twice = result.services.reduce((sum, service) => sum + service.twice, 0);
      expect(twice, JSON.stringify(again)).toBe(again.did === 'handled' ? 1 : 0);
    }
  });

  it('finds a service that did nothing at all', () => {
    const withoutBoard = faultless.filter(({ service }) => service !== 'board');
    expect(check(truth, withoutBoard, truth.airportDays).problems).toEqual([
      'board missed flights.departed: 1 2',
      'board missed flights.delayed: 2',
    ]);
    expect(check(truth, [], truth.airportDays).problems).toContain('feed did not publish flights.departed: 1 2');
  });

  it('finds flights that do not exist', () => {
    const invented = [
      entry('feed', 'published', 'flights.departed', 3),
      entry('board', 'handled', 'flights.delayed', 1),
    ];
    expect(check(truth, [...faultless, ...invented], truth.airportDays).problems).toEqual(
      expect.arrayContaining([
        'feed published flights.departed, which the file does not say: 3',
        'board handled flights.delayed, which nobody published: 1',
      ]),
    );
  });

  it('finds a wrong count', () => {
    const counted = { 'ORD 2001-01-01': { departed: 2, delayed: 0 } };
    expect(check(truth, faultless, counted).problems).toEqual([
      'statistics counted wrong on 1 airport days, first ORD 2001-01-01: 2 departed, 0 delayed; the file says 2 departed, 1 delayed',
    ]);
  });
});
