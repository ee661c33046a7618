import type { NamedTest, Subject } from './kept-promise.js';

const onACluster = (file: string, title: string): NamedTest => ({
  file: `packages/redis/test/cluster-${file}.faults.test.ts`,
  title,
  config: 'faults',
});

export const cluster: Subject = {
  title: 'On a Redis Cluster',
  promises: [
    {
      promise: 'While slots move, nothing is lost unseen, nothing comes twice, and every publish and request succeeds.',
      test: onACluster(
        'moves',
        'there and back under load: every publish and request succeeds, nothing is lost unseen, nothing comes twice, and order is kept',
      ),
      mutation: {
        file: 'packages/redis/src/failure.ts',
        from: '/^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|READONLY|LOADING) /',
        to: '/^(MOVED|CLUSTERDOWN|MASTERDOWN|READONLY|LOADING) /',
      },
    },
    {
      promise: 'A log whose slot is half moved does not begin anew: what belongs to it waits.',
      test: onACluster(
        'moves',
        'and stay half moved for a second, with everything but its log over there: a durable log goes on where it was, with its groups',
      ),
      mutation: {
        file: 'packages/redis/src/scripts.ts',
        from: 'return client.evalsha(script.sharded.sha, keys.length + 1, ...keys, guardOf(keys[0]!), ...args);',
        to: 'return client.evalsha(script.sharded.sha, keys.length, ...keys, ...args);',
      },
    },
    {
      promise: 'When a replica takes over, every subscription follows, and what a broadcast missed is counted.',
      test: onACluster(
        'failover',
        'whose primary is killed, and comes back as a replica: everybody follows, and what is missing is counted',
      ),
      mutation: {
        file: 'packages/redis/src/switchboard.ts',
        from: 'for (const line of this.#lines) if (!this.#isAtHome(line)) void this.#move(line);',
        to: '',
      },
    },
    {
      promise: 'A planned failover refuses no publish and no request.',
      test: onACluster(
        'failover',
        'whose primaries hand over one after the other, as for an upgrade: every publish and request succeeds',
      ),
      mutation: {
        file: 'packages/redis/src/failure.ts',
        from: '/^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|READONLY|LOADING) /',
        to: '/^(ASK|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|READONLY|LOADING) /',
      },
    },
    {
      promise: 'Slots that nobody serves hold a publish no longer than its patience, and no other one at all.',
      test: onACluster(
        'failover',
        'a primary that has no replica is killed: its publishes end in time, the others go on, and all is back with it',
      ),
      mutation: {
        file: 'packages/redis/src/waiting-line.ts',
        from: 'batch.deadline ??= clock.now() + patience;',
        to: 'batch.deadline = clock.now() + patience;',
      },
    },
    {
      promise:
        'A replica that had not got everything takes over: the publisher tells what is gone of what was confirmed.',
      test: onACluster(
        'failover',
        'a replica that had not got everything takes over: the publisher tells how many confirmed durable events are gone',
      ),
      mutation: {
        file: 'packages/redis/src/append-batch.ts',
        from: 'this.#count = count;',
        to: 'this.#count = 0;',
      },
    },
    {
      promise:
        'An instance has two connections to each primary that it uses, and none to a server that serves nothing.',
      test: onACluster('use', 'are two to each primary that it uses, and none to anybody else, also after a failover'),
      mutation: {
        file: 'packages/redis/src/cluster.ts',
        from: 'for (const [, server] of idle) void this.#leave(server);',
        to: '',
      },
    },
    {
      promise: 'Patterns are refused at once, with what to do instead.',
      test: onACluster('use', 'refuses patterns, and says what to do instead'),
      mutation: {
        file: 'packages/redis/src/redis-transport.ts',
        from: 'this.unsupported = cluster === undefined ? {} : { patterns: NO_PATTERNS };',
        to: 'this.unsupported = {};',
      },
    },
    {
      promise:
        'With the URL of one server everything that a node does not serve is refused, and the URL of a Cluster named.',
      test: onACluster('use', 'with redis://: whatever a node does not serve is refused, with the URL to take'),
      mutation: {
        file: 'packages/redis/src/switchboard.ts',
        from: "throw isRefusal(error) ? refused('SUBSCRIBE_REFUSED', what, address, error) : error;",
        to: 'throw error;',
      },
    },
  ],
};
