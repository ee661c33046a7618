// Measures what `recover` in a contract costs whoever publishes: CPU of redis-server per event and events per second, beside the same
// publish without it, in turns within one run.
//   node bench/recover.mjs redis://127.0.0.1:6379 [seconds]
// Eight publishers, 400-byte envelopes, a group of one and a broadcast subscriber, one event per call and bursts of 32.
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';

const url = process.argv[2] ?? 'redis://127.0.0.1:6379';
const seconds = Number(process.argv[3] ?? 2);
const ROUNDS = 3;
const PUBLISHERS = 8;
const CHANNEL = 'bench:recover';
const base = `belfry:{${CHANNEL}}:`;
const head = '{"sequence":"1","specversion":"1.0","id":"0123456789abcdef-1","source":"/bench/0123456789abcdef"';
const envelope = `${head},"data":"${'x'.repeat(400 - head.length - 11)}"}`;
const member = '0'.repeat(16);

const admin = new Redis(url, { protocol: 2 });
const publishers = Array.from({ length: PUBLISHERS }, () => new Redis(url, { protocol: 2 }));
const subscriber = new Redis(url, { protocol: 2 });
await admin.flushall();
await admin.hset(`${base}members`, 'app', `${member}01`);
await subscriber.ssubscribe(`${base}inbox:app:${member}`);
await subscriber.subscribe(`${base}all`);

const shaOf = (name) =>
  admin.script('LOAD', readFileSync(new URL(`../packages/redis/src/lua/${name}.lua`, import.meta.url), 'utf8'));
const [publish, recover] = await Promise.all([shaOf('publish'), shaOf('recover')]);
const [AGE, COUNT] = ['3600000', '10000']; // the defaults
const calls = {
  without: (pipeline, turn, args) => pipeline.evalsha(publish, 1, `${base}members`, CHANNEL, '1', turn, ...args),
  with: (pipeline, turn, args) =>
    pipeline.evalsha(recover, 2, `${base}members`, `${base}history`, CHANNEL, '1', turn, AGE, COUNT, ...args),
};

const cpu = async () => {
  const info = await admin.info('cpu');
  const of = (name) => Number(new RegExp(`^${name}:(.*)$`, 'm').exec(info)[1]);
  return of('used_cpu_user') + of('used_cpu_sys');
};

async function measure(call, perCall) {
  const args = Array.from({ length: perCall }, () => ['', envelope]).flat();
  let events = 0;
  const [began, before] = [performance.now(), await cpu()];
  await Promise.all(
    publishers.map(async (redis, p) => {
      for (let turn = p; performance.now() - began < seconds * 1000; ) {
        const pipeline = redis.pipeline();
        for (let i = 0; i < 64 / perCall; i++) call(pipeline, turn++, args);
        for (const [error] of await pipeline.exec()) if (error) throw error;
        events += 64;
      }
    }),
  );
  return { cpu: (((await cpu()) - before) * 1e6) / events, rate: (events * 1000) / (performance.now() - began) };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
for (const perCall of [1, 32]) {
  const results = { without: [], with: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, call] of Object.entries(calls)) {
      const result = await measure(call, perCall);
      if (round > 0) results[name].push(result); // the first warms up
    }
  }
  const of = (name, figure) => median(results[name].map((result) => result[figure]));
  const ratio = (figure) => (of('with', figure) / of('without', figure)).toFixed(2);
  console.log(
    `${perCall === 1 ? 'lone' : `bursts of ${perCall}`}: CPU of redis-server ${of('without', 'cpu').toFixed(1)} -> ${of('with', 'cpu').toFixed(1)} us per event (x ${ratio('cpu')}), ` +
      `${Math.round(of('without', 'rate'))} -> ${Math.round(of('with', 'rate'))} events/s (x ${ratio('rate')})`,
  );
}
for (const redis of [admin, subscriber, ...publishers]) redis.disconnect();
