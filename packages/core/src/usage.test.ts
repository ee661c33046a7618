import { defineChannel, defineEvent, defineRequest } from '@belfry/contracts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { usageOfEmitting, usageOfOperating, usageOfPattern, usageOfResponding, usageOfSubscribing } from './usage.js';

const schema = z.object({ n: z.number() });
const Placed = defineEvent('orders.placed', { schema });
const Kept = defineEvent('orders.kept', { schema, version: 2, recover: {} });
const Paid = defineEvent('orders.paid', { schema, guarantee: 'durable' });
const Quote = defineRequest('pricing.quote', { input: schema, output: schema });
const Bare = defineChannel('mychannel');
const shop = { name: 'billing', namespace: 'shop' };

describe('what a service uses', () => {
  it('is, of what it emits, the channel and how it is published', () => {
    expect([Placed, Kept, Paid, Quote, Bare].map((contract) => usageOfEmitting(contract, shop))).toEqual([
      { kind: 'publish', channel: 'shop:orders.placed', recovered: false, public: true },
      { kind: 'publish', channel: 'shop:orders.kept.v2', recovered: true, public: true },
      { kind: 'append', channel: 'shop:orders.paid' },
      { kind: 'ask', channel: 'shop:pricing.quote/request', namespace: 'shop', service: 'billing' },
      { kind: 'publishBare', channel: 'mychannel' },
    ]);
    expect(usageOfEmitting(Placed, shop, false)).toMatchObject({ public: false });
  });

  it('is, of what it handles, how it is shared', () => {
    const shared = [Placed, Kept, Paid].map((contract) => usageOfSubscribing(contract, 'audit', shop));
    expect(shared.map(({ kind }) => kind)).toEqual(['share', 'share', 'work']);
    expect([Placed, Kept, Paid, Bare].map((contract) => usageOfSubscribing(contract, undefined, shop))).toEqual([
      { kind: 'hear', channel: 'shop:orders.placed', recovered: false },
      { kind: 'hear', channel: 'shop:orders.kept.v2', recovered: true },
      { kind: 'read', channel: 'shop:orders.paid' },
      { kind: 'hearBare', channel: 'mychannel' },
    ]);
    expect(usageOfPattern('orders.*', shop)).toEqual({ kind: 'hearPattern', pattern: 'shop:orders.*' });
    expect(usageOfResponding(Quote, shop)).toMatchObject({ kind: 'respond', channel: 'shop:pricing.quote/request' });
    expect(usageOfOperating(Paid, shop)).toEqual({ kind: 'operate', channel: 'shop:orders.paid' });
  });
});
