import { defineChannel, defineEvent } from '@belfry/contracts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Quote } from '../test/doubles.js';
import { Support } from './support.js';
import type { Transport } from './transport.js';

const schema = z.object({ order: z.string() });
const Viewed = defineEvent('orders.viewed', { schema });
const Placed = defineEvent('orders.placed', { schema, guarantee: 'durable' });
const Ticker = defineChannel('ticker');

/** What a check throws; `undefined`: nothing. */
function thrownBy(check: () => void): unknown {
  try {
    return check();
  } catch (error) {
    return error;
  }
}

const without = (unsupported: Transport['unsupported']): Support => new Support({ unsupported });
const able = without({});

describe('support', () => {
  it('lets pass what the transport can do', () => {
    for (const contract of [Viewed, Placed, Ticker])
      expect(thrownBy(() => able.checkContract(contract))).toBeUndefined();
    expect(thrownBy(() => able.checkDurable(Placed))).toBeUndefined();
    expect(thrownBy(() => able.checkRequest(Quote))).toBeUndefined();
    expect(thrownBy(() => able.require('patterns', 'orders.*'))).toBeUndefined();
  });

  it.each([
    ['durable events', 'orders.placed', (support: Support) => support.checkContract(Placed)],
    ['durable events', 'orders.placed', (support: Support) => support.checkDurable(Placed)],
    ['bare channels', 'ticker', (support: Support) => support.checkContract(Ticker)],
    ['requests', 'pricing.quote', (support: Support) => support.checkRequest(Quote)],
    ['patterns', 'orders.*', (support: Support) => support.require('patterns', 'orders.*')],
  ] as const)('refuses %s where there are none, names %s, and gives the reason', (feature, subject, check) => {
    const error = thrownBy(() => check(without({ [feature]: 'It forgets.' })));
    expect(error).toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining(`${subject}: this transport has no ${feature}`),
      hint: 'It forgets.',
    });
    expect(thrownBy(() => without({ [feature]: 'It forgets.' }).checkContract(Viewed))).toBeUndefined();
  });

  it.each([
    ['no contract', () => able.checkContract({})],
    ['a request for an event', () => able.checkContract(Quote)],
    ['an event for a request', () => able.checkRequest(Viewed)],
    ['a transient event for one that is in a log', () => able.checkDurable(Viewed)],
  ])('refuses %s', (_, check) => {
    expect(thrownBy(check)).toMatchObject({ code: 'CONTRACT_INVALID' });
  });
});
