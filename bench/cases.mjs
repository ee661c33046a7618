// What is measured. In each case the first variant is the control: everything else is told as a ratio to it, in the same round.
//   load       what the senders do (load.mjs); `action` says which of it
//   senders, receivers   how many processes of each; `everyReceiver`: each of them gets all of it
const ioredis = { title: 'ioredis, by hand', file: 'ioredis' };
const streams = { title: 'Redis streams, by hand', file: 'ioredis-streams' };
const belfry = { title: 'Belfry', file: 'belfry' };
const broadcast = { subscribe: { broadcast: true } };

const events = (name, title, load, variants, others = {}) => ({
  name,
  title,
  action: 'turns',
  roles: ['publisher', 'subscriber'],
  load,
  variants,
  ...others,
});
const requests = (inFlight) => ({
  name: `requests-${inFlight}`,
  title: `Requests, ${inFlight} in flight`,
  action: 'requests',
  roles: ['caller', 'responder'],
  load: { count: inFlight === 1 ? 2000 : 8000, inFlight, size: 200 },
  variants: [ioredis, belfry],
});

export const cases = [
  events('events-burst', 'Events, 32 per turn, 200 bytes', { count: 16_384, perTurn: 32, size: 200 }, [
    ioredis,
    belfry,
    { ...belfry, title: 'Belfry, broadcast', options: broadcast },
  ]),
  events('events-lone', 'Events, one per turn, 200 bytes', { count: 12_000, perTurn: 1, size: 200 }, [
    ioredis,
    belfry,
    { ...belfry, title: 'Belfry, broadcast', options: broadcast },
  ]),
  events('events-burst-2k', 'Events, 32 per turn, 2 KiB', { count: 8192, perTurn: 32, size: 2048 }, [ioredis, belfry]),
  events('events-lone-2k', 'Events, one per turn, 2 KiB', { count: 8192, perTurn: 1, size: 2048 }, [ioredis, belfry]),
  requests(1),
  requests(16),
  requests(256),
  events('durable', 'Durable events, 32 per turn, 200 bytes', { count: 8192, perTurn: 32, size: 200 }, [
    streams,
    { ...belfry, options: { durable: true } },
  ]),
  events('latency', 'Latency of an event, 250 per second', { count: 250, everyMs: 4, size: 200 }, [ioredis, belfry], {
    action: 'steadily',
  }),
  events('recover', 'Cost of recover', { count: 8192, perTurn: 32, size: 200 }, [
    { ...belfry, title: 'Belfry, broadcast', options: broadcast },
    {
      ...belfry,
      title: 'Belfry, broadcast, recover',
      options: { ...broadcast, contract: { recover: { age: '1h' } } },
    },
  ]),
];
