import { BelfryError, defineEvent } from '@belfry/contracts';
import { expect } from 'vitest';
import type { OutgoingEvent, Source } from '../../transport.js';
import { behaviour } from '../behaviour.js';
import { Counted, Double, numbers } from '../contracts.js';
import { anything } from '../schemas.js';
import { nextTurn, until } from '../waiting.js';
import type { World } from '../world.js';

const event = (world: World, body: string, key?: string): OutgoingEvent => ({
  channel: world.channel(Counted),
  body,
  key,
  public: false,
});
const group = (world: World, name: string): Source => ({ kind: 'group', channel: world.channel(Counted), group: name });
const broadcast = (world: World): Source => ({ kind: 'broadcast', channel: world.channel(Counted) });
const ignore = () => {};

/** The transport by itself, without a bus above it. */
export const rawTransport = [
  behaviour('numbers a body, delivers it otherwise unchanged, and names its channel', ['groups'], async (world) => {
    const [publisher, subscriber] = [await world.transport(), await world.transport()];
    const delivered: string[] = [];
    await subscriber.subscribe(broadcast(world), (body, { channel }) => delivered.push(`broadcast ${channel} ${body}`));
    await subscriber.subscribe(group(world, 'g'), (body, { channel }) => delivered.push(`group ${channel} ${body}`));
    const written = ['{"a":1}', 'no JSON at all', '{"text":"🛎 \\u001e"}', '{"spaces" : 1 }'];
    const bodies = [
      '{"sequence":"1","a":1}',
      'no JSON at all',
      '{"sequence":"3","text":"🛎 \\u001e"}',
      '{"sequence":"4","spaces" : 1 }',
    ];
    await Promise.all(written.map((body) => publisher.publish(event(world, body))));
    await until(() => delivered.length === 8, 'eight deliveries');
    const channel = world.channel(Counted);
    expect(delivered.filter((text) => text.startsWith('broadcast'))).toEqual(
      bodies.map((b) => `broadcast ${channel} ${b}`),
    );
    expect(delivered.filter((text) => text.startsWith('group'))).toEqual(bodies.map((b) => `group ${channel} ${b}`));
  }),

  behaviour('never delivers within the call of publish', ['groups'], async (world) => {
    const transport = await world.transport();
    let publishing = false;
    let inside = 0;
    let delivered = 0;
    const deliver = () => {
      delivered++;
      if (publishing) inside++;
    };
    await transport.subscribe(broadcast(world), deliver);
    await transport.subscribe(group(world, 'g'), deliver);
    publishing = true;
    const published = numbers(10).map((n) => transport.publish(event(world, `${n}`)));
    publishing = false;
    await Promise.all(published);
    await until(() => delivered === 20, 'twenty deliveries');
    expect(inside).toBe(0);
  }),

  behaviour('tells the audience of a channel without publishing anything', ['groups'], async (world) => {
    const transport = await world.transport();
    const others = await Promise.all(numbers(3).map(() => world.transport()));
    const audience = () => transport.audience(world.channel(Counted));
    let delivered = 0;
    const deliver = () => void delivered++;
    expect(await audience()).toEqual({ broadcast: 0, groups: {} });
    const places = await Promise.all(others.map((other) => other.subscribe(group(world, 'billing'), deliver)));
    await others[0]!.subscribe(group(world, 'audit'), deliver);
    await others[0]!.subscribe(broadcast(world), deliver);
    await others[1]!.subscribe(broadcast(world), deliver);
    expect(await audience()).toEqual({ broadcast: 2, groups: { billing: 3, audit: 1 } });
    for (const place of places) await place.end();
    expect(await audience()).toEqual({ broadcast: 2, groups: { billing: 0, audit: 1 } });
    expect(await transport.audience(`${world.namespace}:another`)).toEqual({ broadcast: 0, groups: {} });
    expect(delivered).toBe(0);
  }),

  behaviour(
    'has delivered what it dealt when the end of a subscription resolves, and delivers nothing after',
    ['groups'],
    async (world) => {
      const [publisher, subscriber] = [await world.transport(), await world.transport()];
      for (const round of numbers(20)) {
        let delivered = 0;
        const subscription = await subscriber.subscribe(group(world, `g${round}`), () => void delivered++);
        const published = Promise.all(numbers(30).map((n) => publisher.publish(event(world, `${n}`))));
        if (round % 3 === 0) await nextTurn();
        await subscription.end();
        const atTheEnd = delivered;
        const received = (await published).filter(({ groups }) => groups[`g${round}`] === 1).length;
        expect([atTheEnd, delivered]).toEqual([received, received]);
      }
    },
  ),

  behaviour('settles what was published before close(), and refuses what comes after', ['groups'], async (world) => {
    const [publisher, subscriber] = [await world.transport(), await world.transport()];
    let delivered = 0;
    await subscriber.subscribe(group(world, 'g'), () => void delivered++);
    let settled = 0;
    const published = numbers(50).map((n) => publisher.publish(event(world, `${n}`)).finally(() => settled++));
    await Promise.all([publisher.close(), publisher.close()]);
    expect(settled).toBe(50);
    expect(await Promise.all(published)).toEqual(numbers(50).map(() => ({ broadcast: 0, groups: { g: 1 } })));
    await until(() => delivered === 50, 'fifty deliveries');
    const late: unknown[] = await Promise.all([
      publisher.publish(event(world, 'late')).catch((error) => error),
      publisher.subscribe(broadcast(world), ignore).catch((error) => error),
    ]);
    for (const error of late) expect(error).toBeInstanceOf(BelfryError);
  }),

  behaviour('makes the bus refuse what it declares that it cannot do, with its reason', [], async (world) => {
    const [{ unsupported }, bus] = [await world.transport(), await world.bus()];
    const Durable = defineEvent('conformance.kept', { schema: anything<number>(), guarantee: 'durable' });
    const attempts = {
      groups: () => bus.subscribe(Counted, ignore),
      patterns: () => bus.subscribe('conformance.*', ignore),
      'durable events': () => bus.publish(Durable, 1),
      requests: () => bus.request(Double, { n: 1 }),
    };
    for (const [feature, attempt] of Object.entries(attempts)) {
      const reason = unsupported[feature as keyof typeof attempts];
      if (reason === undefined) continue;
      await expect(attempt(), feature).rejects.toMatchObject({ code: 'UNSUPPORTED', hint: reason });
    }
  }),
];
