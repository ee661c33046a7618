import { defineChannel } from '@belfry/contracts';
import { expect } from 'vitest';
import { behaviour } from '../behaviour.js';
import { Counted, type Numbered } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { schemaOf, text } from '../schemas.js';
import { until } from '../waiting.js';
import type { World } from '../world.js';

// Bare channels are outside every namespace: each test has one of its own.
const textChannel = (world: World) => defineChannel(`${world.namespace} Bare/übung`);
const jsonChannel = (world: World) =>
  defineChannel(`${world.namespace}.json`, {
    schema: schemaOf<Numbered>((value) =>
      typeof value.n === 'number' ? { value: value as unknown as Numbered } : { wrong: 'n' },
    ),
  });

/** Channels that are shared with programs that know nothing of Belfry. */
export const bareChannels = [
  behaviour('carries text on a bare channel as it is, whatever it looks like', ['bare channels'], async (world) => {
    const [publisher, subscriber] = await world.buses(2);
    const channel = textChannel(world);
    const inbox = new Inbox<string>();
    await subscriber!.subscribe(channel, inbox.take, { concurrency: 1 });
    const texts = ['Hello, world!', '', '42', '{"a":1}', '"quoted"', 'zwei\nZeilen\u0000\u001e', '🛎 žluťoučký'];
    for (const text of texts) expect(await publisher!.publish(channel, text)).toEqual({ broadcast: 1, groups: {} });
    expect(await inbox.first(texts.length)).toEqual(texts);
    expect(inbox.contexts[0]).toMatchObject({
      type: channel.name,
      channel: channel.name,
      source: undefined,
      group: undefined,
      version: 1,
    });
    expect(new Set(inbox.contexts.map(({ messageId }) => messageId)).size).toBe(texts.length);
  }),

  behaviour('carries JSON on a bare channel that has a schema', ['bare channels'], async (world) => {
    const [publisher, subscriber] = await world.buses(2);
    const raw = await world.transport();
    const channel = jsonChannel(world);
    const inbox = new Inbox<Numbered>();
    const seen: string[] = [];
    await subscriber!.subscribe(channel, inbox.take);
    await raw.subscribe({ kind: 'bare', channel: channel.name }, (body) => seen.push(body));
    await publisher!.publish(channel, { n: 1 });
    expect(await raw.publishBare(channel.name, '{ "n": 2 }')).toBe(2);
    expect(await inbox.first(2)).toEqual([{ n: 1 }, { n: 2 }]);
    await until(() => seen.length === 2, 'two bodies');
    expect(seen, 'no envelope').toEqual(['{"n":1}', '{ "n": 2 }']);
  }),

  behaviour(
    'reaches every subscriber of a bare channel, and counts the instances',
    ['bare channels'],
    async (world) => {
      const [publisher, ...subscribers] = await world.buses(4);
      const channel = textChannel(world);
      expect(await publisher!.publish(channel, 'nobody')).toEqual({ broadcast: 0, groups: {} });
      const inboxes = subscribers.map(() => new Inbox<string>());
      for (const [index, bus] of subscribers.entries()) await bus.subscribe(channel, inboxes[index]!.take);
      expect(await publisher!.publish(channel, 'all')).toEqual({ broadcast: 3, groups: {} });
      for (const inbox of inboxes) expect(await inbox.first(1)).toEqual(['all']);
      await subscribers[0]!.close();
      expect(await publisher!.publish(channel, 'two')).toEqual({ broadcast: 2, groups: {} });
    },
  ),

  behaviour(
    'gives foreign text that is not JSON to the schema of a bare channel as text',
    ['bare channels'],
    async (world) => {
      const [subscriber, raw] = [await world.bus(), await world.transport()];
      const name = `${world.namespace}.mixed`;
      const channel = defineChannel(name, { schema: text });
      const inbox = new Inbox<string>();
      await subscriber.subscribe(channel, inbox.take, { concurrency: 1 });
      for (const text of ['Hello, world!', '"JSON"', '42']) await raw.publishBare(name, text);
      expect(await inbox.first(3), 'text that happens to be JSON may be meant as text').toEqual([
        'Hello, world!',
        'JSON',
        '42',
      ]);
    },
  ),

  behaviour('rejects what does not fit the schema of a bare channel, and goes on', ['bare channels'], async (world) => {
    const [subscriber, raw] = [await world.bus(), await world.transport()];
    const channel = jsonChannel(world);
    const inbox = new Inbox<Numbered>();
    const { stats } = await subscriber.subscribe(channel, inbox.take);
    for (const body of ['secret, not JSON', '["secret"]', '{"n":"secret"}', 'null', '{"n":1}']) {
      await raw.publishBare(channel.name, body);
    }
    expect(await inbox.first(1)).toEqual([{ n: 1 }]);
    expect(stats).toMatchObject({ received: 5, handled: 1, rejected: { invalid: 4 } });
    expect(world.logger.at('warn').length).toBe(4);
    expect(world.logger.text).not.toContain('secret');
  }),

  behaviour('keeps the order of what is published on a bare channel', ['bare channels'], async (world) => {
    const [publisher, subscriber] = await world.buses(2);
    const channel = jsonChannel(world);
    const inbox = new Inbox<Numbered>();
    await subscriber!.subscribe(channel, inbox.take, { concurrency: 1 });
    const expected = Array.from({ length: 500 }, (_, n) => ({ n }));
    await Promise.all(expected.map((data) => publisher!.publish(channel, data)));
    expect(await inbox.first(500)).toEqual(expected);
  }),

  behaviour('publishes every event on its public channel too, unless told not to', ['bare channels'], async (world) => {
    const [publisher, silent] = [await world.bus('loud'), await world.bus('silent', { publicChannels: false })];
    const [raw, subscriber] = [await world.transport(), await world.bus()];
    const bodies: string[] = [];
    const inbox = new Inbox<Numbered>();
    await raw.subscribe({ kind: 'bare', channel: world.channel(Counted) }, (body) => bodies.push(body));
    await subscriber.subscribe(Counted, inbox.take, { broadcast: true });
    await silent.publish(Counted, { n: 1 });
    const [receipt] = await Promise.all([2, 3, 4].map((n) => publisher.publish(Counted, { n })));
    expect(receipt?.broadcast, 'listeners to the public channel are not counted').toBe(1);
    await inbox.first(4);
    await until(() => bodies.length >= 3, 'three public events');
    expect(
      bodies.map((body) => JSON.parse(body)),
      'one JSON object each',
    ).toMatchObject([
      { specversion: '1.0', type: 'conformance.counted', data: { n: 2 } },
      { data: { n: 3 } },
      { data: { n: 4 } },
    ]);
  }),
];
