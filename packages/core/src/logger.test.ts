import { describe, expect, it, vi } from 'vitest';
import { consoleLogger, silentLogger, unbreakable } from './logger.js';

describe('the console logger', () => {
  it('says warnings and errors, with what is known about them, and nothing below', () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    const error = vi.spyOn(console, 'error').mockReturnValue();
    consoleLogger.debug({}, 'a');
    consoleLogger.info({}, 'b');
    consoleLogger.warn({ group: 'billing' }, 'careful');
    consoleLogger.error({ err: new RangeError('too far') }, 'broken');
    expect(warn.mock.calls).toEqual([['belfry: careful', { group: 'billing' }]]);
    expect(error.mock.calls).toEqual([['belfry: broken', { err: expect.stringContaining('RangeError: too far') }]]);
  });
});

describe('an unbreakable logger', () => {
  it('hands on what is said', () => {
    const logger = { ...silentLogger, warn: vi.fn() };
    unbreakable(logger).warn({ a: 1 }, 'careful');
    expect(logger.warn).toHaveBeenCalledWith({ a: 1 }, 'careful');
  });

  it('does not throw when the logger does', () => {
    const broken = () => {
      throw new Error('disk full');
    };
    const logger = unbreakable({ debug: broken, info: broken, warn: broken, error: broken });
    for (const level of ['debug', 'info', 'warn', 'error'] as const) expect(() => logger[level]({}, 'x')).not.toThrow();
  });
});
