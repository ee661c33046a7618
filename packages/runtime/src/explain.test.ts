import { BelfryError } from '@belfry/contracts';
import { expect, it } from 'vitest';
import { explain } from './explain.js';

const error = (code: BelfryError['code'], message: string, cause?: unknown) =>
  new BelfryError(code, { message, cause });

it('adds the cause', () => {
  expect(explain('billing', error('SUBSCRIBE_REFUSED', 'not today.', new Error('too late')))).toBe(
    'billing did not start.\nSUBSCRIBE_REFUSED: not today.\nCause: too late',
  );
});

it('says nothing twice', () => {
  const away = error('TRANSPORT_UNAVAILABLE', 'no answer (connect ECONNREFUSED).', new Error('connect ECONNREFUSED'));
  expect(explain('billing', away)).toBe(`billing did not start.\n${away.message}`);
  const unresolved = error('HANDLER_UNRESOLVED', 'cannot make Billing: run together.', new Error('run\ntogether'));
  expect(explain('billing', unresolved)).toBe(`billing did not start.\n${unresolved.message}`);
  const several = error('HANDLER_INVALID', 'there are 2 mistakes.', new AggregateError([], 'both'));
  expect(explain('billing', several)).toBe(`billing did not start.\n${several.message}`);
});

it('shows where anything else was thrown', () => {
  expect(explain(undefined, new TypeError('no database'))).toMatch(
    /^The service did not start\.\nTypeError: no database\n +at /,
  );
  expect(explain('billing', 'nothing')).toBe('billing did not start.\nnothing');
});
