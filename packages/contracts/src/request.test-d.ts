import { z } from 'zod';
import { defineRequest, type RequestErrors, type RequestInput, type RequestOutput, type DeclaredErrors, type AnyRequest, type ReplyPayload } from './index.js';
const Q = defineRequest('pricing.quote', { input: z.object({ sku: z.string() }), output: z.object({ cents: z.number(), at: z.iso.datetime().transform((x)=>new Date(x)) }), errors: { UNKNOWN_SKU: z.object({ sku: z.string() }), SOLD_OUT: null }, key: (i) => i.sku });
const a: AnyRequest = Q;
const e: unknown = 0;
if (Q.isError(e)) { switch (e.code) { case 'UNKNOWN_SKU': { const s: string = e.data.sku; break; } case 'SOLD_OUT': { const d: undefined = e.data; } } }
if (Q.isError(e, 'UNKNOWN_SKU')) { const s: string = e.data.sku; }
Q.error('SOLD_OUT'); Q.error('UNKNOWN_SKU', { sku: 'x' });
// @ts-expect-error - no such code
Q.error('NOPE');
// @ts-expect-error - no data
Q.error('UNKNOWN_SKU');
// @ts-expect-error - wrong data
Q.error('UNKNOWN_SKU', { sku: 1 });
type E = RequestErrors<typeof Q>; type I = RequestInput<typeof Q>; type O = RequestOutput<typeof Q>; type R = ReplyPayload<typeof Q>;
const o: O = { cents: 1, at: new Date() }; const r: R = { cents: 1, at: '' };
const d: DeclaredErrors<typeof Q> = Q.error('SOLD_OUT');
const S = defineRequest('a.b', { input: z.string(), output: z.number(), stream: true });
const t: true = S.stream; const f: false = Q.stream;
// @ts-expect-error - no JSON
defineRequest('a.b', { input: z.date(), output: z.number() });
// @ts-expect-error - no JSON
defineRequest('a.b', { input: z.string(), output: z.number(), errors: { A: z.date() } });
type NoE = RequestErrors<typeof S>;
