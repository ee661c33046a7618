import { expect, it } from 'vitest';
import { CallSite } from './call-site.js';

const ask = (now: number): CallSite => new CallSite(ask, now);
const first = ([, line]: string[]): string | undefined => line;

it('gives an error the stack of the call', () => {
  const error = ask(5_000_000).mark(new TypeError('no'));
  expect(error.stack?.split('\n')[0]).toBe('TypeError: no');
  expect(first(error.stack?.split('\n') ?? [])).toContain('call-site.test.ts');
});

it('is known of a thousand calls a second, and leaves the errors of the others as they are', () => {
  const sites = Array.from({ length: 1001 }, () => ask(6_000_000));
  expect(sites.filter(({ stack }) => stack !== undefined)).toHaveLength(1000);
  const error = new Error('no');
  const { stack } = error;
  expect(sites[1000]?.mark(error).stack).toBe(stack);
  expect(ask(6_001_000).stack).toBeDefined();
});

it('leaves alone what is no error', () => expect(ask(7_000_000).mark('text')).toBe('text'));
