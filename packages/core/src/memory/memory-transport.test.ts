import { AsyncLocalStorage } from 'node:async_hooks';
import { defineChannel } from '@belfry/contracts';
import { afterAll, describe, expect, it } from 'vitest';
import type { Bus } from '../bus.js';
import { createBus } from '../transport-bus.js';
import { type Clock, systemClock } from '../clock.js';
import { Counted, type Numbered } from '../conformance/contracts.js';
import { Inbox } from '../conformance/inbox.js';
import { describeTransport } from '../conformance/index.js';
import { Marks, unmarked } from '../conformance/marks.js';
import { memoryTransport } from './memory-transport.js';

/** Takes what the suite commits: memory has no Redis that would know more commands than this one. */
const commits = createBus({ url: 'memory:conformance', name: 'commits' });
afterAll(() => commits.close());
const onCommit = (commands: readonly (readonly string[])[]): void => {
  const unknown = commands.find(([name]) => name !== 'PUBLISH');
  if (unknown !== undefined) throw new Error(`unknown command ${unknown[0]}`);
  for (const [, channel = '', payload = ''] of commands) void commits.publish(defineChannel(channel), payload);
};

describeTransport('memory', { create: () => memoryTransport('memory:conformance', { onCommit }) });

const HOUR = 3_600_000;
const ignore = () => {};

describe('a memory URL', () => {
  it('is shared by the buses of this process that have the same, and by no others', async () => {
    const bus = (url: string) => createBus({ url });
    const buses: Bus[] = ['memory:', 'memory:', 'memory:one', 'memory:one'].map(bus);
    const [nameless, namelessToo, one, oneToo] = buses as [Bus, Bus, Bus, Bus];
    const [here, there] = [new Inbox<Numbered>(), new Inbox<Numbered>()];
    await namelessToo.subscribe(Counted, here.take);
    await oneToo.subscribe(Counted, there.take);
    await nameless.publish(Counted, { n: 1 });
    await one.publish(Counted, { n: 2 });
    await new Marks(here).pass(nameless, Counted);
    await new Marks(there).pass(one, Counted);
    expect([unmarked(here), unmarked(there)]).toEqual([[1], [2]]);
    await Promise.all(buses.map((each) => each.close()));
  });

  it.each(['memory:a b', 'memory://host', 'memory:a/b', 'memory', 'redis://user:secret@host', ''])(
    'is refused when it is %j',
    (url) => {
      const make = () => memoryTransport(url);
      expect(make).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
      expect(make).not.toThrow(/secret/);
    },
  );

  it('is forgotten with the last bus that has it', async () => {
    const first = createBus({ url: 'memory:forgotten', name: 'first' });
    await first.subscribe(Counted, ignore);
    await first.close();
    await using second = createBus({ url: 'memory:forgotten', name: 'second' });
    expect(await second.publish(Counted, { n: 1 })).toEqual({ broadcast: 0, groups: {} });
  });
});

it('remembers a group that is away for a day, by the clock that it was given', async () => {
  let now = Date.now();
  const clock: Clock = { ...systemClock, now: () => now };
  await using publisher = createBus({ url: 'memory:remembered', clock });
  await using member = createBus({ url: 'memory:remembered', name: 'billing', clock });
  const subscription = await member.subscribe(Counted, ignore);
  now += 48 * HOUR;
  await subscription.end();
  now += 24 * HOUR - 1;
  expect(await publisher.publish(Counted, { n: 1 })).toEqual({ broadcast: 0, groups: { billing: 0 } });
  now += 1;
  expect(await publisher.publish(Counted, { n: 2 })).toEqual({ broadcast: 0, groups: {} });
  await member.subscribe(Counted, ignore);
  expect(await publisher.publish(Counted, { n: 3 })).toEqual({ broadcast: 0, groups: { billing: 1 } });
});

it("keeps what else follows the publisher through AsyncLocalStorage from another bus's handlers", async () => {
  const request = new AsyncLocalStorage<string>();
  await using publisher = createBus({ url: 'memory:flows' });
  await using subscriber = createBus({ url: 'memory:flows' });
  const seen: (string | undefined)[] = [];
  await subscriber.subscribe(Counted, () => void seen.push(request.getStore()), { broadcast: true });
  await request.run('request 7', () => publisher.publish(Counted, { n: 1 }));
  expect(seen).toEqual([undefined]);
});

it('deals to the members of a group in turn', async () => {
  const buses = [1, 2, 3].map(() => createBus({ url: 'memory:turns', name: 'billing' }));
  const inboxes = buses.map(() => new Inbox<Numbered>());
  await Promise.all(buses.map((bus, index) => bus.subscribe(Counted, inboxes[index]!.take)));
  for (let n = 0; n < 9; n++) await buses[0]!.publish(Counted, { n });
  expect(inboxes.map(({ data }) => data.map(({ n }) => n % 3))).toEqual(
    expect.arrayContaining([
      [0, 0, 0],
      [1, 1, 1],
      [2, 2, 2],
    ]),
  );
  await Promise.all(buses.map((bus) => bus.close()));
});
