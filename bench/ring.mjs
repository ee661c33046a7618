// Measures what a ring representation costs the Redis server: CPU of redis-server per event, beside plain PUBLISH.
//   node bench/ring.mjs redis://127.0.0.1:6379
// Eight publishers, 400-byte envelopes, one event per call and bursts of 32. Every group has `members` real inboxes.
// The figures that chose today's representation are in ARCHITECTURE.md ("The ring").
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';

const url = process.argv[2] ?? 'redis://127.0.0.1:6379';
const seconds = Number(process.argv[3] ?? 1.5);
const PUBLISHERS = 8;
const envelope = JSON.stringify({ specversion: '1.0', data: 'x'.repeat(360) });
const id = (n) => n.toString(16).padStart(16, '0');
const base = 'belfry:{bench:ring}:';

// Each representation: how members are stored, and Lua that sets `groups` (names) and `rings` (arrays or packed strings).
const deal = `
local function frame(from, step)
  if #ARGV - 2 == 1 then return ARGV[3] end
  local out = {}
  for i = from, #ARGV, step do out[#out + 1] = ARGV[i] end
  if #out == 1 then return out[1] end
  return '\\30' .. table.concat(out, '\\n\\30')
end
local turn, events = tonumber(ARGV[2]), #ARGV - 2
redis.call('PUBLISH', ARGV[1], ARGV[3])
local whole = frame(3, 1)
redis.call('PUBLISH', 'belfry:{bench:ring}:all', whole)
local function send(group, n, at)
  local inbox = 'belfry:{bench:ring}:inbox:' .. group .. ':'
  if n > 0 then
    if events == 1 or n == 1 then
      for try = 0, n - 1 do
        if redis.call('SPUBLISH', inbox .. at((turn + try) % n), whole) > 0 then return 1 end
      end
    else
      for k = 0, math.min(n, events) - 1 do
        redis.call('SPUBLISH', inbox .. at((turn + k) % n), frame(3 + k, n))
      end
      return 1
    end
  end
  return 0
end
`;
const representations = {
  'zset, all groups': {
    store: (r, g, m) => r.zadd(`${base}members`, 1, `g${g} ${id(m)}`),
    lua: `${deal}
local rings, names = {}, {}
for _, place in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local group, member = string.match(place, '^(%S+) (.*)$')
  local ring = rings[group]
  if not ring then ring = {}; rings[group] = ring; names[#names + 1] = group end
  ring[#ring + 1] = member
end
local out = {}
for _, g in ipairs(names) do local r = rings[g]; out[#out+1] = g; out[#out+1] = send(g, #r, function(i) return r[i + 1] end) end
return out`,
  },
  'set of groups + zset each': {
    store: (r, g, m) => Promise.all([r.sadd(`${base}members`, `g${g}`), r.zadd(`${base}ring:g${g}`, 1, id(m))]),
    lua: `${deal}
local out = {}
for _, g in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local r = redis.call('ZRANGE', 'belfry:{bench:ring}:ring:' .. g, 0, -1)
  out[#out+1] = g; out[#out+1] = send(g, #r, function(i) return r[i + 1] end)
end
return out`,
  },
  'hash group -> fixed-width places': {
    store: async (r, g, m) =>
      r.hset(`${base}members`, `g${g}`, `${((await r.hget(`${base}members`, `g${g}`)) ?? '') + id(m)}01`),
    lua: `${deal}
local out, all = {}, redis.call('HGETALL', KEYS[1])
for j = 1, #all, 2 do
  local ring = all[j + 1]
  out[#out+1] = all[j]
  out[#out+1] = send(all[j], #ring / 18, function(i) return string.sub(ring, i * 18 + 1, i * 18 + 16) end)
end
return out`,
  },
  'publish.lua as shipped': {
    store: async (r, g, m) =>
      r.hset(`${base}members`, `g${g}`, `${(await r.hget(`${base}members`, `g${g}`)) ?? ''}${id(m)}01`),
    lua: readFileSync(new URL('../packages/redis/src/lua/publish.lua', import.meta.url), 'utf8'),
    shipped: true,
  },
  'string, one cmsgpack of all': {
    store: async (r, g, m) =>
      r.eval(
        `local s = redis.call('GET', KEYS[1]); local t = s and cmsgpack.unpack(s) or {}
local hit; for _, x in ipairs(t) do if x[1] == ARGV[1] then hit = x end end
if not hit then hit = { ARGV[1] }; t[#t + 1] = hit end
hit[#hit + 1] = ARGV[2]; redis.call('SET', KEYS[1], cmsgpack.pack(t))`,
        1,
        `${base}members`,
        `g${g}`,
        id(m),
      ),
    lua: `${deal}
local out, s = {}, redis.call('GET', KEYS[1])
for _, x in ipairs(s and cmsgpack.unpack(s) or {}) do
  out[#out+1] = x[1]; out[#out+1] = send(x[1], #x - 1, function(i) return x[i + 2] end)
end
return out`,
  },
};

const admin = new Redis(url, { protocol: 2 });
const cpu = async () => {
  const info = await admin.info('cpu');
  return ['used_cpu_user', 'used_cpu_sys'].reduce(
    (sum, k) => sum + Number(new RegExp(`^${k}:(.*)$`, 'm').exec(info)[1]),
    0,
  );
};
const publishers = Array.from({ length: PUBLISHERS }, () => new Redis(url, { protocol: 2 }));

async function measure(call, perCall) {
  let events = 0;
  const until = Date.now() + seconds * 1000;
  const start = await cpu();
  await Promise.all(
    publishers.map(async (redis, p) => {
      for (let turn = p; Date.now() < until; ) {
        const pipeline = redis.pipeline(); // one write, so that the figure is the command's and not the socket's
        for (let i = 0; i < 64 / perCall; i++) call(pipeline, turn++);
        await pipeline.exec();
        events += 64;
      }
    }),
  );
  return (((await cpu()) - start) * 1e6) / events;
}

const cases = [
  [0, 0],
  [1, 1],
  [1, 4],
  [1, 16],
  [2, 4],
  [5, 4],
  [5, 1],
];
const rows = [];
for (const [groups, members] of cases) {
  await admin.flushall();
  const inboxes = new Redis(url, { protocol: 2 });
  for (let g = 0; g < groups; g++)
    for (let m = 0; m < members; m++) await inboxes.ssubscribe(`${base}inbox:g${g}:${id(m)}`);
  const plain = [];
  for (let g = 0; g < groups; g++) {
    const r = new Redis(url, { protocol: 2 });
    await r.subscribe('bench:plain');
    plain.push(r);
  }
  const row = { groups, members };
  row.PUBLISH = await measure((r) => r.publish('bench:plain', envelope), 1);
  for (const [name, { store, lua, shipped }] of Object.entries(representations)) {
    await admin.del(`${base}members`);
    for (let g = 0; g < groups; g++) for (let m = 0; m < members; m++) await store(admin, g, m);
    const sha = await admin.script('LOAD', lua);
    const args = shipped
      ? (t, events) => ['1', t, ...events.flatMap((event) => ['', event])]
      : (t, events) => [t, ...events];
    const call = (events) => (r, t) => r.evalsha(sha, 1, `${base}members`, 'bench:ring', ...args(t, events));
    row[name] = [await measure(call([envelope]), 1), await measure(call(Array(32).fill(envelope)), 32)];
  }
  rows.push(row);
  inboxes.disconnect();
  for (const r of plain) r.disconnect();
}
console.log(`| groups x members | PUBLISH | ${Object.keys(representations).join(' | ')} |`);
console.log(
  `| --- | ---: |${Object.keys(representations)
    .map(() => ' ---: |')
    .join('')}`,
);
for (const { groups, members, PUBLISH, ...rest } of rows)
  console.log(
    `| ${groups} x ${members} | ${PUBLISH.toFixed(1)} | ${Object.values(rest)
      .map(([a, b]) => `${a.toFixed(1)} / ${b.toFixed(1)}`)
      .join(' | ')} |`,
  );
admin.disconnect();
for (const r of publishers) r.disconnect();
