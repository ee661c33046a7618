import { defineChannel, defineEvent, defineRequest } from '@belfry/contracts';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { checkContract, checkHandler, checkRequest } from './checks.js';

const schema = z.object({});
const Quote = defineRequest('pricing.quote', { input: schema, output: schema });

it.each([
  [undefined, 'the handler of orders.placed must be a function, not undefined. It comes second, before the options.'],
  [null, 'the handler of orders.placed must be a function, not null. '],
  [{ group: 'audit' }, 'the handler of orders.placed must be a function, not object. '],
])('says whose handler is none: %j', (handler, told) => {
  expect(() => checkHandler(handler, 'orders.placed')).toThrow(`HANDLER_INVALID: ${told}`);
});

it('says what was given instead of an event or a request', () => {
  expect(() => checkContract(Quote)).toThrow('pricing.quote is a request, not an event.');
  expect(() => checkContract('orders.placed')).toThrow('this is no contract.');
  expect(() => checkRequest(defineEvent('orders.placed', { schema }))).toThrow(
    'orders.placed is an event, not a request.',
  );
  expect(() => checkRequest(defineChannel('orders'))).toThrow('orders is a channel, not a request.');
});
