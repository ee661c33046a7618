import { describe, expect, it } from 'vitest';
import { readArguments, UsageError } from './arguments.js';

const read = (args: string, env = {}) => readArguments(args === '' ? [] : args.split(' '), env);

describe('the arguments of the demo', () => {
  it.each([
    ['', {}, undefined],
    ['', { BELFRY_URL: 'memory:' }, undefined],
    ['', { BELFRY_URL: 'redis://a' }, 'redis://a'],
    ['--redis', {}, 'redis://127.0.0.1:6379'],
    ['--redis', { BELFRY_URL: 'redis://a' }, 'redis://a'],
    ['--redis', { BELFRY_URL: 'memory:' }, 'redis://127.0.0.1:6379'],
    ['--redis redis://b', { BELFRY_URL: 'redis://a' }, 'redis://b'],
    ['--redis=rediss://b', {}, 'rediss://b'],
    ['--redis --seconds 3', {}, 'redis://127.0.0.1:6379'],
  ])('%j with %j lead to %s', (args, env, redisUrl) => {
    expect(read(args, env).redisUrl).toBe(redisUrl);
  });

  it('say how long it takes', () => {
    expect(read('')).toMatchObject({ seconds: 15, workTimeMs: 0 });
    expect(read('').boardPort).toBeUndefined();
    expect(read('--seconds 2.5 --work 20')).toMatchObject({ seconds: 2.5, workTimeMs: 20 });
  });

  it.each([
    ['--board', 8080],
    ['--board 9000', 9000],
    ['--board=9000', 9000],
    ['--board --redis redis://b', 8080],
    ['--redis redis://b --board 0', 0],
  ])('say where the page is: %s', (args, boardPort) => {
    expect(read(args).boardPort).toBe(boardPort);
  });

  it.each([
    '--board 70000',
    '--board=here',
    '--seconds 0',
    '--seconds soon',
    '--seconds=',
    '--work 2000',
    '--seconds',
    '--fast',
    'redis://a',
    '--redis x',
    '--redis redis://a b',
  ])('are refused: %s', (args) => {
    expect(() => read(args)).toThrow(UsageError);
  });
});
