// A process of its own: `node … flood-process.ts <role> <url> <namespace> <options>`. Says what happens, a line each.
//   subscriber  handles the flood slowly; prints `ready`, `full` and `well` when its queue is, and on SIGTERM, once it has handled
//               what waits, `report <json>`
//   publisher   offers so many bytes, in events of so many, as fast as it can; prints `report <json>`
import { setTimeout as sleep } from 'node:timers/promises';
import { createBus } from '@belfry/core';
import { redisTransport } from '@belfry/redis';
import { type DrownedReport, Flood, type FloodOptions, type FloodReport } from './flood.js';

const [role = '', url = '', namespace = '', json = '{}'] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const bus = createBus({ name: role, namespace, transport: redisTransport({ url }), logger: console });

function compute(microseconds: number): void {
  const end = performance.now() + microseconds / 1000;
  while (performance.now() < end);
}

async function subscribe({ broadcast = false, drop = 'newest', busy, wait }: FloodOptions): Promise<void> {
  const seen = new Set<number>();
  let twice = 0;
  let highest = 0;
  const before = process.memoryUsage.rss();
  let stoodStill = 0;
  let at = performance.now();
  let used = process.cpuUsage();
  const watch = setInterval(() => {
    highest = Math.max(highest, process.memoryUsage.rss());
    const { user, system } = process.cpuUsage(used);
    stoodStill = Math.max(stoodStill, performance.now() - at - (user + system) / 1000);
    at = performance.now();
    used = process.cpuUsage();
  }, 10);
  const handler = ({ n }: { n: number }): unknown => {
    if (seen.has(n)) twice++;
    seen.add(n);
    if (busy !== undefined) compute(busy);
    return wait === undefined ? undefined : sleep(wait);
  };
  bus.on('pressure', ({ full }) => say(full ? 'full' : 'well'));
  const subscription = await bus.subscribe(Flood, handler, broadcast ? { broadcast, drop } : { drop });
  process.once('SIGTERM', async () => {
    clearInterval(watch);
    await subscription.end();
    const { received, dropped, missed, handled } = subscription.stats;
    const growth = highest - before;
    const report: DrownedReport = { handled, twice, received, dropped, missed, growth, stoodStill };
    say(`report ${JSON.stringify(report)}`);
    await bus.close();
    process.exit();
  });
  say('ready');
}

async function publish({ bytes, size }: { bytes: number; size: number }): Promise<void> {
  const filler = 'x'.repeat(size);
  const published = Math.ceil(bytes / size);
  let nobody = 0;
  for (let n = 0; n < published; ) {
    const receipts: ReturnType<typeof bus.publish>[] = [];
    for (let turn = 0; turn < 64 && n < published; turn++) receipts.push(bus.publish(Flood, { n: n++, filler }));
    for (const { groups } of await Promise.all(receipts)) if (groups.subscriber === 0) nobody++;
  }
  const report: FloodReport = { published, bytes, nobody };
  say(`report ${JSON.stringify(report)}`);
  await bus.close();
}

await (role === 'subscriber' ? subscribe(JSON.parse(json)) : publish(JSON.parse(json)));
