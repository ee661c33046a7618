import { type } from 'arktype';
import * as v from 'valibot';
import { expectTypeOf } from 'vitest';
import { z } from 'zod';
import { defineChannel, defineEvent, type EventData, type EventInput } from './index.js';

const OrderPlaced = defineEvent('orders.placed', {
  schema: z.object({ orderId: z.string(), total: z.number().optional(), tags: z.array(z.string()).default([]) }),
  guarantee: 'durable',
  key: (order) => order.orderId,
  version: 2,
  description: 'An order was placed',
  examples: [{ orderId: 'o-1' }],
});
type OrderPlaced = EventData<typeof OrderPlaced>;
expectTypeOf<OrderPlaced>().toEqualTypeOf<{ orderId: string; total?: number | undefined; tags: string[] }>();
expectTypeOf<EventInput<typeof OrderPlaced>['tags']>().toEqualTypeOf<string[] | undefined>();
expectTypeOf(OrderPlaced.name).toEqualTypeOf<'orders.placed'>();

const WithValibot = defineEvent('a.b', { schema: v.object({ id: v.string() }), key: (data) => data.id });
expectTypeOf<EventData<typeof WithValibot>>().toEqualTypeOf<{ id: string }>();
const WithArktype = defineEvent('a.b', { schema: type({ id: 'string', 'n?': 'number' }), key: (data) => data.id });
expectTypeOf<EventData<typeof WithArktype>>().toEqualTypeOf<{ id: string; n?: number }>();

const Text = defineChannel('mychannel');
expectTypeOf<EventData<typeof Text>>().toEqualTypeOf<string>();
const Shaped = defineChannel('mychannel', { schema: z.object({ n: z.number() }) });
expectTypeOf<EventData<typeof Shaped>>().toEqualTypeOf<{ n: number }>();
expectTypeOf<EventData<typeof Shaped | typeof Text>>().toEqualTypeOf<string | { n: number }>();

// Travels: what the schema takes in. The handler may get something JSON could not say.
const Codec = defineEvent('a.b', { schema: z.object({ at: z.iso.datetime().transform((text) => new Date(text)) }) });
expectTypeOf<EventData<typeof Codec>>().toEqualTypeOf<{ at: Date }>();
expectTypeOf<EventInput<typeof Codec>>().toEqualTypeOf<{ at: string }>();
interface Named {
  id: string;
  nested?: { deep: readonly [number, null] };
}
defineEvent('a.b', { schema: z.custom<Named>() });
interface Tree {
  children: Tree[];
}
defineEvent('a.b', { schema: z.custom<Tree>() });
defineEvent('a.b', { schema: z.object({ extra: z.json(), any: z.any(), record: z.record(z.string(), z.number()) }) });
defineEvent('a.b', {
  schema: z.discriminatedUnion('k', [z.object({ k: z.literal(1) }), z.object({ k: z.literal(2), a: z.null() })]),
});

// @ts-expect-error - a Date cannot travel
defineEvent('a.b', { schema: z.object({ at: z.date() }) });
// @ts-expect-error - a Date deep inside cannot travel either
defineEvent('a.b', { schema: z.object({ list: z.array(z.object({ at: z.date().optional() })) }) });
// @ts-expect-error - a bigint cannot travel
defineEvent('a.b', { schema: z.object({ n: z.bigint() }) });
// @ts-expect-error - a map cannot travel
defineEvent('a.b', { schema: z.map(z.string(), z.string()) });
// @ts-expect-error - undefined in an array cannot travel
defineEvent('a.b', { schema: z.array(z.string().optional()) });
// @ts-expect-error - unknown may be anything
defineEvent('a.b', { schema: z.object({ x: z.unknown() }) });
// @ts-expect-error - a Date cannot travel on a bare channel
defineChannel('a', { schema: z.date() });
// @ts-expect-error - an unknown option
defineEvent('a.b', { schema: z.string(), retries: 3 });
// @ts-expect-error - an unknown option of a channel
defineChannel('a', { group: 'x' });
// @ts-expect-error - no such guarantee
defineEvent('a.b', { schema: z.string(), guarantee: 'exactly-once' });
// @ts-expect-error - the key reads a field that is not there
defineEvent('a.b', { schema: z.object({ id: z.string() }), key: (data) => data.customer });
// @ts-expect-error - the key must be a string
defineEvent('a.b', { schema: z.object({ n: z.number() }), key: (data) => data.n });
// @ts-expect-error - the example lacks a field
defineEvent('a.b', { schema: z.object({ id: z.string() }), examples: [{}] });
// @ts-expect-error - no schema
defineEvent('a.b', {});
// @ts-expect-error - contracts are frozen
OrderPlaced.version = 3;
