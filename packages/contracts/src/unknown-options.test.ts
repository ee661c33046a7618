import { expect, it } from 'vitest';
import { defineEvent } from './event.js';
import { unknownOptions } from './unknown-options.js';

it.each([
  [{}, []],
  [{ group: 'audit', once: undefined }, []],
  [{ gruop: 'audit' }, ['"gruop" is no option (there are group, once)']],
  [{ ttl: 1, group: 'audit', retries: 2 }, ['"ttl", "retries" are no options (there are group, once)']],
])('says which options of %j nobody knows', (options, told) => {
  expect(unknownOptions(options, ['group', 'once'])).toEqual(told);
});

it('lists what there is once, however many are wrong', () => {
  const define = () => defineEvent('orders.placed', { durable: true, ttl: '1h', retries: 3 } as never);
  expect(define).toThrow('"durable", "ttl", "retries" are no options (there are schema, guarantee, ');
});
