// A process of its own: `node … flood-process.ts <role> <url> <namespace> <options>`. Says what happens, a line each.
//   subscriber  handles the flood slowly; prints `ready`, `full` and `well` when its queue is, `interrupted`, and on SIGTERM, once it has handled
//               what waits, `report <json>`
//   publisher   offers so many bytes, in events of so many, as fast as it can; prints `report <json>`
//   firehose    is no Belfry: publishes so many messages of such a size on the bare channel `firehose`, as fast as Redis takes them; prints `report <json>`
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineChannel } from '@belfry/contracts';
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

async function subscribe({ channel, broadcast = false, drop = 'newest', busy, wait }: FloodOptions): Promise<void> {
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
  const work = (): unknown => {
    if (busy !== undefined) compute(busy);
    return wait === undefined ? undefined : sleep(wait);
  };
  const handler = ({ n }: { n: number }): unknown => {
    if (seen.has(n)) twice++;
    seen.add(n);
    return work();
  };
  bus.on('pressure', ({ full }) => say(full ? 'full' : 'well'));
  bus.on('interrupted', () => say('interrupted'));
  const subscription =
    channel === undefined
      ? await bus.subscribe(Flood, handler, broadcast ? { broadcast, drop } : { drop })
      : await bus.subscribe(defineChannel(channel), work, { drop });
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

async function blast({ messages, size }: { messages: number; size: number }): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const command = `*3\r\n$7\r\nPUBLISH\r\n$8\r\nfirehose\r\n$${size}\r\n${'x'.repeat(size)}\r\n`;
  const thousand = Buffer.from(command.repeat(1000));
  let published = 0;
  socket.on('data', (replies) => {
    for (const byte of replies) if (byte === 10) published++; // each is a line
    if (published === messages) socket.end();
  });
  for (let n = 0; n < messages; n += 1000) if (!socket.write(thousand)) await once(socket, 'drain');
  await once(socket, 'close');
  const report: FloodReport = { published, bytes: published * size, nobody: 0 };
  say(`report ${JSON.stringify(report)}`);
}

if (role === 'subscriber') await subscribe(JSON.parse(json));
else if (role === 'publisher') await publish(JSON.parse(json));
else await blast(JSON.parse(json));
