import { assert, expect, it } from 'vitest';
import { DemoProcess } from './demo-process.js';
import { Inboxes } from './inboxes.js';

const redisUrl = process.env.BELFRY_TEST_REDIS_URL ?? '';

it('loses only what a killed replica of delays had in hand, and the other one goes on', {
  timeout: 120_000,
}, async () => {
  await using inboxes = await Inboxes.watch(redisUrl, /:flights\.departed\}:inbox:delays:(\w+)$/, /"flight":(\d+)/g);
  // A flight takes a while, so that there is something in hand whenever the process is killed.
  const demo = new DemoProcess('--redis', redisUrl, '--seconds', '3', '--work', '20');
  const [victim, survivor] = (await demo.announced()).filter(({ service }) => service === 'delays');
  assert(victim !== undefined && survivor !== undefined);

  await inboxes.dealt(victim.instance, 200);
  process.kill(victim.pid, 'SIGKILL');
  const dealtToSurvivor = inboxes.of(survivor.instance).size;

  expect(await demo.ended).toBe(1);
  expect(demo.stdout).toContain(`✗ delays (process ${victim.pid}) was killed (SIGKILL)`);
  const missed = /✗ delays missed flights\.departed: ([\d ]+)$/m.exec(demo.stdout)?.[1]?.split(' ') ?? [];
  expect(missed.length).toBeGreaterThan(0);
  expect(missed.filter((flight) => !inboxes.of(victim.instance).has(flight))).toEqual([]);

  // Everything else was handled, once: whatever went to the other one, before and after.
  expect(demo.figuresOf('delays').slice(1, 4)).toEqual([5000 - missed.length, missed.length, 0]);
  expect(demo.stdout).toContain(`missed: ${missed.length}  twice: 0`);
  expect(inboxes.of(survivor.instance).size).toBeGreaterThan(dealtToSurvivor);
});

it('loses only the requests that a killed replica of airports had in hand, and shows codes instead', {
  timeout: 120_000,
}, async () => {
  await using inboxes = await Inboxes.watch(
    redisUrl,
    /:airports\.lookup\/request\}:inbox:airports:(\w+)$/,
    /"id":"([^"]+)"/g,
  );
  const demo = new DemoProcess('--redis', redisUrl, '--seconds', '3');
  const [victim, survivor] = (await demo.announced()).filter(({ service }) => service === 'airports');
  assert(victim !== undefined && survivor !== undefined);

  // Stopped, it answers nothing: whatever it is dealt now is in its hands when it is killed.
  process.kill(victim.pid, 'SIGSTOP');
  await inboxes.dealt(victim.instance, inboxes.of(victim.instance).size + 5);
  process.kill(victim.pid, 'SIGKILL');
  const dealtToSurvivor = inboxes.of(survivor.instance).size;

  expect(await demo.ended).toBe(1);
  const [death, unanswered, ...others] = demo.stdout.split('\n').filter((line) => line.startsWith('✗'));
  expect(death).toBe(`✗ airports (process ${victim.pid}) was killed (SIGKILL)`);
  const [asked = 0, answered = 0] = unanswered?.match(/\d+/g)?.map(Number) ?? [];
  expect(unanswered).toBe(`✗ airports.lookup: asked ${asked} times, answered ${answered}`);
  expect(others).toEqual([]);
  expect(asked - answered).toBeGreaterThan(0);
  expect(asked - answered).toBeLessThanOrEqual(inboxes.of(victim.instance).size);

  // No flight was lost for that, and the other one goes on for both.
  expect(demo.stdout).toContain('missed: 0  twice: 0');
  expect(demo.figuresOf('delays').slice(0, 4)).toEqual([285, 5000, 0, 0]);
  expect(demo.figuresOf('board').slice(0, 4)).toEqual([0, 5285, 0, 0]);
  expect(demo.stdout).toContain('283 departures of ORD');
  expect(inboxes.of(survivor.instance).size).toBeGreaterThan(dealtToSurvivor);
});
