import { defineChannel, defineEvent, defineRequest } from '@belfry/contracts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Respond, Subscribe } from './index.js';
import { usagesOf } from './usages.js';

const schema = z.object({ n: z.number() });
const Placed = defineEvent('orders.placed', { schema });
const Paid = defineEvent('orders.paid', { schema, guarantee: 'durable' });
const Bare = defineChannel('mychannel');
const Quote = defineRequest('pricing.quote', { input: schema, output: schema });

class Everything {
  @Subscribe(Placed)
  shared(_: { n: number }) {}

  @Subscribe([Placed, Paid], { group: 'audit' })
  audited(_: { n: number }) {}

  @Subscribe(Paid, { broadcast: true })
  heard(_: { n: number }) {}

  @Subscribe('orders.*')
  matched(_: unknown) {}

  @Subscribe(Bare)
  bare(_: string) {}

  @Respond(Quote)
  quote({ n }: { n: number }) {
    return { n };
  }
}

describe('what handlers take', () => {
  it('is what their decorators say, in the group that a service has', () => {
    expect(usagesOf([Everything], { name: 'billing', namespace: 'shop' })).toEqual([
      { kind: 'share', channel: 'shop:orders.placed', group: 'billing' },
      { kind: 'share', channel: 'shop:orders.placed', group: 'audit' },
      { kind: 'work', channel: 'shop:orders.paid', group: 'audit' },
      { kind: 'read', channel: 'shop:orders.paid' },
      { kind: 'hearPattern', pattern: 'shop:orders.*' },
      { kind: 'hearBare', channel: 'mychannel' },
      { kind: 'respond', channel: 'shop:pricing.quote/request', namespace: 'shop', service: 'billing' },
    ]);
  });
});
