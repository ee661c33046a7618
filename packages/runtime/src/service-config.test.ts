import { BelfryError } from '@belfry/contracts';
import { silentLogger } from '@belfry/core';
import { Container, ContainerModule } from 'inversify';
import { describe, expect, it } from 'vitest';
import { resolveServiceOptions } from './service-config.js';
import type { Environment, ServiceOptions } from './service-options.js';

const resolve = (options: Partial<ServiceOptions> = {}, env: Environment = {}) =>
  resolveServiceOptions({ name: 'billing', ...options }, env);

function mistakesOf(options: object, env: Environment = {}): string[] {
  try {
    resolve(options, env);
  } catch (error) {
    expect(error).toBeInstanceOf(BelfryError);
    expect((error as BelfryError).code).toBe('CONFIG_INVALID');
    return (error as BelfryError).message.split('\n- ').slice(1);
  }
  return [];
}

describe('the destination', () => {
  it('is the option, then BELFRY_URL, then REDIS_URL, then this process', () => {
    const env = { BELFRY_URL: 'redis://belfry:1/2', REDIS_URL: 'redis://redis:1' };
    expect(resolve({ url: 'redis://option:1' }, env).url).toBe('redis://option:1');
    expect(resolve({}, env).url).toBe('redis://belfry:1/2');
    expect(resolve({}, { ...env, BELFRY_URL: '' }).url).toBe('redis://redis:1');
    expect(resolve({}, {})).toMatchObject({ url: 'memory:', memoryByDefault: true });
    expect(resolve({}, { BELFRY_URL: 'memory:' })).toMatchObject({ url: 'memory:', memoryByDefault: false });
  });

  it('has no default in production', () => {
    expect(mistakesOf({}, { NODE_ENV: 'production' })).toEqual([
      'there is no URL: set BELFRY_URL or REDIS_URL, or the option url (in production there is no default)',
    ]);
    expect(mistakesOf({ url: 'memory:' }, { NODE_ENV: 'production' })).toEqual([]);
  });

  it('may be a transport instead', () => {
    const transport = () => {
      throw new Error('not used yet');
    };
    expect(resolve({ transport }, { NODE_ENV: 'production', BELFRY_URL: 'ignored' })).toMatchObject({
      url: undefined,
      memoryByDefault: false,
      bus: { transport },
    });
    expect(mistakesOf({ transport, url: 'memory:', startup: 'wait' })).toEqual([
      'url and transport exclude each other',
      'startup belongs to a url; a transport is told when it is made',
    ]);
  });

  it('never shows a password, nor what is no URL', () => {
    expect(resolve({ url: 'redis://user:secret@redis:6379/0?password=secret' }).url).toBe('redis://redis:6379/0');
    for (const url of [
      'amqp://user:secret@host',
      'secret',
      'secret:more',
      'redis://user:secret@redis:1/x',
      'redis+cluster://user:secret@redis:1,/x',
      'redis://',
    ]) {
      const [mistake, ...others] = mistakesOf({}, { BELFRY_URL: url });
      expect(mistake).toMatch(/^BELFRY_URL: /);
      expect(mistake).not.toContain('secret');
      expect(others).toEqual([]);
    }
  });

  const mustBegin =
    'it is no URL of a transport; it must begin with redis:// (like redis://127.0.0.1:6379), rediss:// for TLS, redis+cluster:// for a Cluster, redis+sentinel:// for Sentinels, or memory:';

  it.each([
    '127.0.0.1:6379',
    'localhost:6379',
    'redis:localhost:6379',
    'localhost',
    'memory',
    'redis//user:secret@host',
  ])('says what %s lacks, and where it was read', (url) => {
    expect(mistakesOf({}, { BELFRY_URL: url })).toEqual([`BELFRY_URL: ${mustBegin}`]);
    expect(mistakesOf({}, { REDIS_URL: url })).toEqual([`REDIS_URL: ${mustBegin}`]);
    expect(mistakesOf({ url })).toEqual([`the option url: ${mustBegin}`]);
  });

  it('quotes nothing but the scheme of another URL', () => {
    expect(mistakesOf({}, { REDIS_URL: 'amqp://user:secret@host/secret' })).toEqual([
      `REDIS_URL: ${mustBegin}, not with amqp://`,
    ]);
  });

  it('is one line of the list, however much is wrong with it', () => {
    expect(mistakesOf({}, { BELFRY_URL: 'redis:///x' })).toEqual([
      expect.stringMatching(/^BELFRY_URL: it .*host.*database/),
    ]);
    expect(mistakesOf({ url: 'memory:/x' })).toEqual([expect.stringMatching(/^the option url: the URL of a memory/)]);
    expect(mistakesOf({ url: 6379 as never })).toEqual(['the option url: it must be a text']);
  });
});

it('fills in the defaults', () => {
  expect(resolve()).toMatchObject({
    handlers: [],
    modules: [],
    logLevel: 'info',
    drainTimeoutMs: 10_000,
    logger: undefined,
  });
  expect(resolve().bus.namespace).toBeUndefined();
  expect(resolve().bus.exposeErrors).toBeUndefined();
  expect(resolve({ exposeErrors: true }).bus.exposeErrors).toBe(true);
});

it('takes namespace and log level from the environment, the option first', () => {
  const env = { BELFRY_NAMESPACE: 'shop', LOG_LEVEL: 'DEBUG' };
  expect(resolve({}, env)).toMatchObject({ bus: { namespace: 'shop' }, logLevel: 'debug' });
  expect(resolve({ namespace: 'other' }, env).bus.namespace).toBe('other');
  expect(resolve({}, { BELFRY_NAMESPACE: '', LOG_LEVEL: '' })).toMatchObject({ logLevel: 'info' });
  expect(resolve({ env }, { BELFRY_NAMESPACE: 'not this' }).bus.namespace).toBe('shop');
});

it('accepts everything that it should', () => {
  expect(
    mistakesOf({
      handlers: [class Billing {}],
      modules: [new ContainerModule(() => {})],
      container: new Container(),
      url: 'rediss://user:secret@redis:6380/1',
      startup: 'wait',
      namespace: 'shop',
      logger: silentLogger,
      validate: { receive: false },
      middleware: [(_: unknown, next: () => Promise<unknown>) => next()],
      publicChannels: false,
      maxMessageBytes: 1024,
      exposeErrors: true,
      drainTimeout: '1m',
      env: {},
    }),
  ).toEqual([]);
});

it('lists every mistake of options and environment in one error', () => {
  const wrong = {
    name: 'not a name',
    handlers: ['Billing'],
    modules: [{}],
    container: {},
    startup: 'later',
    logger: { info: 1 },
    drainTimeout: 'soon',
    publicChannels: 'yes',
    maxMessageBytes: 0,
    exposeErrors: 'yes',
    retries: 3,
  };
  const mistakes = mistakesOf(wrong, { BELFRY_URL: 'amqp://host', BELFRY_NAMESPACE: 'a b', LOG_LEVEL: 'loud' });
  const expected = [
    /^"retries" is no option/,
    /^handlers must be a list of classes/,
    /^modules must be/,
    /^container must be/,
    /^logger must have/,
    /^drainTimeout must be/,
    /^LOG_LEVEL must be one of trace, .*, not "loud"/,
    /^startup must be/,
    /^BELFRY_URL: it is no URL of a transport; .* not with amqp:\/\//,
    /^name must be .* not "not a name"/,
    /^BELFRY_NAMESPACE must be .* not "a b"/,
    /^publicChannels must be/,
    /^exposeErrors must be/,
    /^maxMessageBytes must be/,
  ];
  expect(mistakes).toHaveLength(expected.length);
  for (const [index, pattern] of expected.entries()) expect(mistakes[index]).toMatch(pattern);
  expect(mistakesOf({ name: undefined })).toEqual([expect.stringMatching(/^name is missing/)]);
});
