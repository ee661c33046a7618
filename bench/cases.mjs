// What is measured. In each case the first variant is the control: everything else is told as a ratio to it, in the same round.
//   action      what the senders do (player.mjs), and `load` how much of it (load.mjs)
//   senders, receivers   how many processes of each; `everyReceiver`: each of them gets all of it
//   warmUp      the part of the load that is played before anything counts
//   measure     what the ratio is about (report/measures.mjs), and `unit` what is counted
//   fresh       instead of senders and receivers: the role of one new process in each round
//   mostRounds  where rounds hardly differ, and take long
// Of a variant: its file in variants/, its options, `server` if that is not Redis, and `share`: the part of the load that it plays, because it
// is slow. Rates and processor time per message do not depend on the share.
const ioredis = { title: 'ioredis, by hand', file: 'ioredis' };
const nodeRedis = { title: 'node-redis, by hand', file: 'node-redis' };
const nestjs = { title: 'NestJS', file: 'nestjs', share: 0.5 };
const moleculer = { title: 'Moleculer', file: 'moleculer/moleculer', share: 0.5 };
const nats = { title: 'NATS', file: 'nats', server: 'nats' };
const belfry = { title: 'Belfry', file: 'belfry' };

const broadcast = { subscribe: { broadcast: true } };
const belfryBroadcast = { ...belfry, title: 'Belfry, broadcast', options: broadcast };
const natsGroup = { ...nats, options: { group: 'billing' } };
const moleculerBroadcast = { ...moleculer, options: { broadcast: true } };

const events = (name, title, load, variants, others = {}) => ({
  name,
  title,
  action: 'turns',
  roles: ['publisher', 'subscriber'],
  warmUp: 1,
  measure: 'rate',
  unit: 'events/s',
  load,
  variants,
  ...others,
});
const burst = { count: 16_384, perTurn: 32, size: 200 };
const lone = { count: 8192, perTurn: 1, size: 200 };
const short = { ...burst, count: 8192 };
const everybody = [ioredis, nodeRedis, nestjs, moleculer, natsGroup, belfry, belfryBroadcast];

const requests = (inFlight, count) => ({
  name: `requests-${inFlight}`,
  title: inFlight === 1 ? 'Requests, one after the other' : `Requests, ${inFlight} in flight`,
  action: 'requests',
  roles: ['caller', 'responder'],
  warmUp: 1,
  measure: 'rate',
  unit: 'requests/s',
  load: { count, inFlight, size: 200 },
  variants: [ioredis, nodeRedis, nestjs, moleculer, nats, belfry],
});

const costs = (name, title, load, [control, ...variants]) =>
  events(name, title, load, [{ ...belfry, ...control }, ...variants.map((variant) => ({ ...belfry, ...variant }))]);

const durable = { durable: true };

export const cases = [
  events('events-burst', 'Events, 32 per turn, 200 bytes', burst, [
    ...everybody.slice(0, 1),
    { ...ioredis, title: 'ioredis, auto-pipelining', options: { redis: { enableAutoPipelining: true } } },
    ...everybody.slice(1),
  ]),
  events('events-lone', 'Events, one per turn, 200 bytes', lone, everybody),
  events('events-burst-2k', 'Events, 32 per turn, 2 KiB', { ...short, size: 2048 }, everybody),
  events('events-lone-2k', 'Events, one per turn, 2 KiB', { ...lone, size: 2048, count: 6144 }, everybody),
  events(
    'fan-out',
    'Events to each of 4 instances, 32 per turn, 200 bytes',
    { ...short, count: 4096 },
    [ioredis, nodeRedis, nestjs, moleculerBroadcast, nats, belfryBroadcast],
    { receivers: 4, everyReceiver: true },
  ),
  events(
    'group',
    'Events to a group of 4, 32 per turn, 200 bytes',
    short,
    [{ ...ioredis, title: 'ioredis, a channel per member', options: { members: 4 } }, moleculer, natsGroup, belfry],
    { receivers: 4 },
  ),
  requests(1, 2000),
  requests(16, 4096),
  requests(256, 8192),
  {
    ...requests(4, 8192),
    name: 'streams',
    title: 'Streaming replies, 4 streams of 256 values at a time',
    action: 'streams',
    roles: ['reader', 'source'],
    unit: 'values/s',
    variants: [ioredis, nestjs, { ...moleculer, share: 0.25 }, nats, belfry],
  },
  events('durable', 'Durable events to a group, 32 per turn, 200 bytes', short, [
    { title: 'Redis streams, by hand', file: 'ioredis-streams' },
    { title: 'BullMQ', file: 'bullmq', share: 0.125 },
    { ...moleculer, title: 'Moleculer channels', options: durable, share: 0.125 },
    { ...belfry, options: durable },
  ]),
  events(
    'latency',
    'Latency of an event, 250 per second, 200 bytes',
    { count: 200, everyMs: 4, size: 200 },
    [
      ioredis,
      nodeRedis,
      { ...nestjs, share: 1 },
      { ...moleculer, share: 1 },
      natsGroup,
      belfry,
      { title: 'BullMQ', file: 'bullmq' },
      { ...belfry, title: 'Belfry, durable', options: durable },
    ],
    { action: 'steadily', measure: 'latency', unit: 'events/s', warmUp: 0.2 },
  ),
  costs('recover', 'Cost of recover: broadcast, 32 per turn', short, [
    { title: 'Belfry, broadcast', options: broadcast },
    { title: 'Belfry, broadcast, recover', options: { ...broadcast, contract: { recover: {} } } },
  ]),
  costs('key', 'Cost of a key: group, 32 per turn, 100 keys', short, [
    { title: 'Belfry' },
    { title: 'Belfry, key', options: { keyed: true } },
  ]),
  costs('durable-key', 'Cost of a key: durable, 32 per turn, 100 keys', short, [
    { title: 'Belfry, durable', options: durable },
    { title: 'Belfry, durable, key', options: { ...durable, keyed: true } },
  ]),
  costs('once', 'Cost of once: durable, 32 per turn', short, [
    { title: 'Belfry, durable', options: durable },
    { title: 'Belfry, durable, once', options: { ...durable, subscribe: { once: '1d' } } },
  ]),
  costs('validation', 'Cost of validation: 32 per turn, zod', burst, [
    { title: 'Belfry, without validation', options: { bus: { validate: false } } },
    { title: 'Belfry' },
  ]),
  costs('context', 'Cost of publishing inside of a flow: 32 per turn', burst, [
    { title: 'Belfry, outside of a flow' },
    { title: 'Belfry, inside: correlation, cause, trace', options: { inContext: true } },
  ]),
  costs('public-channel', 'Cost of the public channel: 32 per turn, nobody listens to it', burst, [
    { title: 'Belfry, without public channels', options: { bus: { publicChannels: false } } },
    { title: 'Belfry' },
  ]),
  ...[
    ['burst', 'bursts of 32', { ...short, count: 2048 }],
    ['lone', 'one per turn', { ...lone, count: 512 }],
  ].map(([name, title, load]) =>
    events(
      `server-${name}`,
      `The server's processor time per event: 8 publishers, ${title}`,
      load,
      [ioredis, natsGroup, belfry, belfryBroadcast],
      { senders: 8, measure: 'server' },
    ),
  ),
  {
    name: 'start-up',
    title: 'Start of a service: from a new process until it listens',
    fresh: 'subscriber',
    measure: 'start',
    variants: [
      ioredis,
      nodeRedis,
      nestjs,
      moleculer,
      nats,
      { ...belfry, title: 'Belfry, a bus' },
      { ...belfry, title: 'Belfry, a service', file: 'belfry-service' },
    ],
  },
  ...[1, 10_000].map((channels) => ({
    name: `memory-${channels}`,
    title: `Resident memory with ${channels === 1 ? 'one subscription' : '10,000 subscriptions'}`,
    fresh: 'listener',
    measure: 'memory',
    mostRounds: 3,
    load: { channels },
    variants: [ioredis, nestjs, belfry, belfryBroadcast],
  })),
];
