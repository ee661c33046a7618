import { describe, expect, it } from 'vitest';
import { readHosts, readLogin, toAddress, unescaped } from './hosts.js';

describe('a host', () => {
  it.each([
    ['h', { host: 'h', port: 7 }],
    ['10.0.0.1:65535', { host: '10.0.0.1', port: 65_535 }],
    ['[::1]', { host: '::1', port: 7 }],
    ['[fe80::1]:1', { host: 'fe80::1', port: 1 }],
  ])('is read from %s', (text, address) => {
    expect(toAddress(text, 7)).toEqual(address);
  });

  it.each(['', ':1', 'h:', 'h:0', 'h:65536', 'h:1.5', 'h:x', 'a b', '::1', '[::1', 'h:1:2'])(
    'is not read from %j',
    (text) => {
      expect(toAddress(text, 7)).toBeUndefined();
    },
  );
});

it('hosts that are none are told of by their place, and the others stay', () => {
  const mistakes: string[] = [];
  expect(readHosts('a,b:x,c:3,', { noun: 'node', port: 7, example: 'like this' }, mistakes)).toEqual([
    { host: 'a', port: 7 },
    { host: 'c', port: 3 },
  ]);
  expect(mistakes).toEqual([2, 4].map((n) => expect.stringMatching(`^the ${n}. node of url .* like this$`)));
});

describe('a login', () => {
  it.each([
    ['', {}],
    [':', {}],
    ['a', { username: 'a' }],
    [':b', { password: 'b' }],
    ['a:b:c', { username: 'a', password: 'b:c' }],
    ['a%3Ab:%25', { username: 'a:b', password: '%' }],
  ])('is read from %j', (text, login) => {
    const mistakes: string[] = [];
    expect(readLogin(text, mistakes)).toEqual(login);
    expect(mistakes).toEqual([]);
  });
});

it('an escape that is none is told of, but not quoted', () => {
  const mistakes: string[] = [];
  expect(unescaped('se%cret', 'password', mistakes)).toBeUndefined();
  expect(mistakes).toEqual(['the password in url has a % that begins no escape; % itself is written %25']);
});
