import { defineEvent, type Json } from '@belfry/contracts';
import { expect } from 'vitest';
import { behaviour } from '../behaviour.js';
import { Counted, type Numbered, numbers } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { anything } from '../schemas.js';

const Carried = defineEvent('conformance.carried', {
  schema: anything<Json>(),
  key: (data) => (typeof data === 'string' ? data : 'no text'),
});

const values: Json[] = [
  '',
  ' ',
  'žluťoučký kůň 🐎 漢字 \u{1F469}\u200D\u{1F680}',
  'lines\r\nand\ttabs\u0000\u001e\u2028\u2029',
  'a lone \ud800 surrogate',
  '{"json":"in a text"}',
  '\\ " \' %s {0} $1 --[[ ]]',
  0,
  -0.5,
  1e21,
  Number.MAX_SAFE_INTEGER,
  true,
  false,
  null,
  [],
  {},
  [[], {}, null, ''],
  { '': '', 'key with spaces': { ключ: 1 }, constructor: 'c', toString: 't', hasOwnProperty: 'h' },
  'x'.repeat(200_000),
];

/** What JSON can say arrives as it was. */
export const data = [
  behaviour('carries every kind of JSON unharmed, alone and in a burst', ['groups'], async (world) => {
    const [publisher, subscriber] = [await world.bus('publisher'), await world.bus('app')];
    const inbox = new Inbox<Json>();
    await subscriber.subscribe(Carried, inbox.take, { concurrency: 1 });
    for (const value of values) await publisher.publish(Carried, value);
    await Promise.all(values.map((value) => publisher.publish(Carried, value)));
    expect(await inbox.first(values.length * 2)).toEqual([...values, ...values]);
    expect(inbox.contexts[2]?.key).toBe(values[2]);
  }),

  behaviour('carries __proto__ and its like as plain data, which pollute nothing', [], async (world) => {
    const [publisher, subscriber] = await world.buses(2);
    const inbox = new Inbox<Json>();
    await subscriber!.subscribe(Carried, inbox.take, { broadcast: true });
    const text =
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":2}},"prototype":3,"deep":[{"__proto__":null}]}';
    await publisher!.publish(Carried, JSON.parse(text));
    const [arrived] = await inbox.first(1);
    expect(JSON.stringify(arrived)).toBe(text);
    expect(Object.getPrototypeOf(arrived)).toBe(Object.prototype);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  }),

  behaviour('does not let a foreign envelope pollute the context', [], async (world) => {
    const [subscriber, raw] = [await world.bus(), await world.transport()];
    const inbox = new Inbox<Json>();
    await subscriber.subscribe(Carried, inbox.take, { broadcast: true });
    const body =
      '{"__proto__":"x","constructor":"y","specversion":"1.0","id":"1","source":"/f/1","type":"conformance.carried","data":1}';
    await raw.publish({ channel: world.channel(Carried), body, key: undefined, public: false });
    expect(await inbox.first(1)).toEqual([1]);
    expect(Object.entries(inbox.contexts[0]!.extensions)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  }),

  behaviour('settles every one of a thousand publishes at once, from several publishers', ['groups'], async (world) => {
    const [subscriber, ...publishers] = [await world.bus('app'), ...(await world.buses(4, 'publisher'))];
    const inbox = new Inbox<Numbered>();
    await subscriber.subscribe(Counted, inbox.take);
    const settled = await Promise.allSettled(numbers(1000).map((n) => publishers[n % 4]!.publish(Counted, { n })));
    for (const result of settled) {
      expect(result).toEqual({ status: 'fulfilled', value: { broadcast: 0, groups: { app: 1 } } });
    }
    const arrived = (await inbox.first(1000)).map(({ n }) => n);
    expect(arrived.toSorted((a, b) => a - b)).toEqual(numbers(1000));
  }),
];
