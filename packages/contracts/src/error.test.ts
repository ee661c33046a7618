import { describe, expect, it } from 'vitest';
import { BelfryError, errorCodes } from './index.js';

describe('a BelfryError', () => {
  it('says its code, what happened and how to mend it', () => {
    const error = new BelfryError('NOT_READY', { message: 'nobody listens.', hint: 'Start the service.' });
    expect(error).toBeInstanceOf(Error);
    expect(error.message).toBe('NOT_READY: nobody listens. Start the service.');
    expect(error).toMatchObject({ name: 'BelfryError', code: 'NOT_READY', hint: 'Start the service.', issues: [] });
    expect(String(error)).toBe('BelfryError: NOT_READY: nobody listens. Start the service.');
  });

  it('has no hint and no cause unless it was given one', () => {
    const error = new BelfryError('BUS_CLOSED', { message: 'closed.' });
    expect(error.message).toBe('BUS_CLOSED: closed.');
    expect(error.hint).toBeUndefined();
    expect('cause' in error).toBe(false);
  });

  it('keeps its cause', () => {
    const cause = new Error('ECONNREFUSED');
    expect(new BelfryError('TRANSPORT_UNAVAILABLE', { message: 'away.', cause }).cause).toBe(cause);
  });

  it('keeps issues away from whatever prints what is enumerable', () => {
    const issues = [{ message: 'got "secret"', path: 'card' }];
    const error = new BelfryError('PAYLOAD_INVALID', { message: 'refused.', issues });
    expect(error.issues).toEqual(issues);
    expect(JSON.stringify(error)).not.toContain('secret');
    expect(Object.keys(error)).not.toContain('issues');
  });

  it('is known by name, also when another copy of this package made it', () => {
    const foreign = Object.assign(new Error('x'), { name: 'BelfryError', code: 'NOT_READY' });
    expect(BelfryError.is(foreign)).toBe(true);
    expect(BelfryError.is(new BelfryError('NOT_READY', { message: 'x' }))).toBe(true);
    for (const other of [undefined, null, 'NOT_READY', new Error('x'), { name: 'BelfryError', code: 'NOT_READY' }])
      expect(BelfryError.is(other)).toBe(false);
  });
});

describe('the error codes', () => {
  it('are upper case, sorted, and there once each', () => {
    expect(errorCodes.every((code) => /^[A-Z]+(_[A-Z]+)*$/.test(code))).toBe(true);
    expect([...new Set(errorCodes)].sort()).toEqual(errorCodes);
  });
});
