import { BelfryError, defineEvent } from '@belfry/contracts';
import { expect } from 'vitest';
import { behaviour } from '../behaviour.js';
import { Counted, Keyed, type Numbered, numbers } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { Marks, unmarked } from '../marks.js';
import { schemaOf } from '../schemas.js';
import { nextTurn, pause, until } from '../waiting.js';

/** Every third number is checked at once, the others take their time: the earlier, the longer. */
const Pondered = defineEvent('conformance.pondered', {
  schema: schemaOf<Numbered>((value) => {
    const n = value.n as number;
    const verdict = n === 13 ? { wrong: 'n' } : { value: { n } };
    return n % 3 === 0 || n < 0 ? verdict : pause(n % 3 === 1 ? 12 - (n % 10) : 0).then(() => verdict);
  }),
});
const Doubled = defineEvent('conformance.doubled', {
  schema: schemaOf<Numbered, Numbered>(({ n }) => (typeof n === 'number' ? { value: { n: n * 2 } } : { wrong: 'n' })),
});
const wrong = (data: unknown) => data as Numbered;

/** Contracts are kept on both sides. */
export const validation = [
  behaviour('does not publish what does not fit the schema: PAYLOAD_INVALID', [], async (world) => {
    const [publisher, subscriber] = await world.buses(2);
    const inbox = new Inbox<Numbered>();
    await subscriber!.subscribe(Counted, inbox.take, { broadcast: true });
    for (const data of [{ n: 'secret' }, {}, null, undefined, 'secret', ['secret']]) {
      const error: unknown = await publisher!.publish(Counted, wrong(data)).catch((reason) => reason);
      expect(error).toMatchObject({ code: 'PAYLOAD_INVALID', issues: [{ message: 'It is wrong.', path: 'n' }] });
      expect((error as BelfryError).message).toContain('conformance.counted');
      expect((error as BelfryError).message).not.toContain('secret');
    }
    await new Marks(inbox).pass(publisher!, Counted);
    expect(unmarked(inbox)).toEqual([]);
  }),

  behaviour('does not publish what JSON cannot say, or what has no key: PAYLOAD_INVALID', [], async (world) => {
    const publisher = await world.bus('publisher', { validate: false });
    const circular: Record<string, unknown> = { n: 1 };
    circular.self = circular;
    for (const data of [circular, { n: 1n }, undefined, () => {}]) {
      await expect(publisher.publish(Counted, wrong(data))).rejects.toMatchObject({ code: 'PAYLOAD_INVALID' });
    }
    for (const data of [{ n: 1, key: 7 }, null]) {
      await expect(publisher.publish(Keyed, data as never)).rejects.toMatchObject({ code: 'PAYLOAD_INVALID' });
    }
  }),

  behaviour('does not publish what is too large: PAYLOAD_TOO_LARGE', [], async (world) => {
    const Noted = defineEvent('conformance.noted', {
      schema: schemaOf<Numbered & { note: string }>((value) => ({ value: value as never })),
    });
    const [publisher, subscriber] = [await world.bus('publisher', { maxMessageBytes: 2000 }), await world.bus()];
    const inbox = new Inbox<Numbered>();
    await subscriber.subscribe(Noted, inbox.take, { broadcast: true });
    const tooLarge = { code: 'PAYLOAD_TOO_LARGE' };
    await expect(publisher.publish(Noted, { n: 1, note: 'x'.repeat(2000) })).rejects.toMatchObject(tooLarge);
    await expect(publisher.publish(Noted, { n: 2, note: '€'.repeat(600) }), 'bytes').rejects.toMatchObject(tooLarge);
    await publisher.publish(Noted, { n: 3, note: 'x'.repeat(1500) });
    await new Marks(inbox).pass(publisher, Noted);
    expect(unmarked(inbox)).toEqual([3]);
  }),

  behaviour('keeps publish order when schemas take their time, mixed with quick ones', [], async (world) => {
    const [publisher, subscriber] = await world.buses(2);
    const inbox = new Inbox<Numbered>();
    await subscriber!.subscribe(Pondered, inbox.take, { broadcast: true, concurrency: 1 });
    const published: Promise<boolean>[] = [];
    for (const n of numbers(60)) {
      published.push(
        publisher!.publish(Pondered, { n }).then(
          () => true,
          () => false,
        ),
      );
      if (n % 8 === 0) await nextTurn();
      if (n % 20 === 0) await pause(15);
    }
    const settled = await Promise.all(published);
    const refused = numbers(60).filter((_, n) => !settled[n]);
    expect(refused, 'a refused one holds nobody up').toEqual([13]);
    await new Marks(inbox).pass(publisher!, Pondered);
    expect(unmarked(inbox)).toEqual(numbers(60).filter((n) => n !== 13));
  }),

  behaviour('checks once on each side: the input travels, the output is handled', [], async (world) => {
    const [publisher, subscriber] = [await world.bus(), await world.bus()];
    const raw = await world.transport();
    const bodies: string[] = [];
    const inbox = new Inbox<Numbered>();
    await raw.subscribe({ kind: 'broadcast', channel: world.channel(Doubled) }, (body) => bodies.push(body));
    await subscriber.subscribe(Doubled, inbox.take, { broadcast: true });
    await publisher.publish(Doubled, { n: 21 });
    expect(await inbox.first(1)).toEqual([{ n: 42 }]);
    await until(() => bodies.length === 1, 'the encoded message');
    expect(JSON.parse(bodies[0]!)).toMatchObject({ data: { n: 21 } });
  }),

  behaviour('publishes unchecked where validation is switched off', [], async (world) => {
    const [publisher, subscriber] = [await world.bus('publisher', { validate: { publish: false } }), await world.bus()];
    const inbox = new Inbox<Numbered>();
    const { stats } = await subscriber.subscribe(Counted, inbox.take, { broadcast: true });
    await publisher.publish(Counted, wrong({ n: 'one' }));
    await publisher.publish(Counted, { n: 2 });
    expect(await inbox.first(1)).toEqual([{ n: 2 }]);
    expect(stats.rejected.invalid, 'the subscriber still checks').toBe(1);
  }),

  behaviour('hands over unchecked, as it came, where validation is switched off', [], async (world) => {
    const [publisher, subscriber] = [await world.bus(), await world.bus('app', { validate: { receive: false } })];
    const inbox = new Inbox<Numbered>();
    await subscriber.subscribe(Doubled, inbox.take, { broadcast: true });
    await expect(subscriber.publish(Doubled, wrong({}))).rejects.toBeInstanceOf(BelfryError);
    await publisher.publish(Doubled, { n: 21 });
    expect(await inbox.first(1)).toEqual([{ n: 21 }]);
  }),
];
