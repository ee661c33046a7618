import { inMemory, overRedis, type Subject } from './kept-promise.js';

const scripts = 'packages/redis/src/scripts.test.ts';
const transport = 'packages/redis/src/redis-transport.test.ts';

export const transient: Subject = {
  title: 'Transient events',
  promises: [
    {
      promise: 'The events of one publisher on one channel arrive in the order in which they were published.',
      test: inMemory('order', 'keeps the order of each publisher and each channel when several publish at once'),
      mutation: {
        file: 'packages/core/src/memory/turn.ts',
        from: 'const jobs = this.#jobs;',
        to: 'const jobs = this.#jobs.toReversed();',
      },
    },
    {
      promise: 'The order holds for each member of a group among whom a burst is dealt out.',
      test: overRedis('order', 'keeps the order of each member when a burst is dealt out over a group'),
      mutation: {
        file: 'packages/redis/src/lua/includes/ring.lua',
        from: 'if hand then hand[#hand + 1] = message else',
        to: 'if hand then table.insert(hand, 1, message) else',
      },
    },
    {
      promise: 'An event that a dead member does not receive goes to the next place, and the dead place is dropped.',
      test: {
        file: scripts,
        title: 'passes over a dead member, and drops its place once another has received (1 at a time)',
      },
      mutation: {
        file: 'packages/redis/src/lua/includes/lone.lua',
        from: 'if received > 0 and dead then drop(group, ring, dead) end',
        to: '',
      },
    },
    {
      promise: 'In a burst dead members are passed over before anything is dealt, and their places dropped.',
      test: {
        file: scripts,
        title: 'passes over a dead member, and drops its place once another has received (8 at a time)',
      },
      mutation: {
        file: 'packages/redis/src/lua/includes/ring.lua',
        from: 'if counts[i * 2] > 0 then living[#living + 1] = member else dead[member] = true end',
        to: 'living[#living + 1] = member',
      },
    },
    {
      promise: 'When no member receives, the ring stays as it is and the receipt says 0.',
      test: { file: scripts, title: 'keeps the ring as it is when no member receives, and says so (1 at a time)' },
      mutation: {
        file: 'packages/redis/src/lua/includes/lone.lua',
        from: 'if received > 0 and dead then drop(group, ring, dead) end',
        to: 'if dead then drop(group, ring, dead) end',
      },
    },
    {
      promise: 'Who listens to everything, as a debugging tool does, counts for no member.',
      test: { file: scripts, title: 'is not deceived by a client that listens to everything' },
      mutation: {
        file: 'packages/redis/src/lua/includes/lone.lua',
        from: "received = redis.call('SPUBLISH', inbox .. member, event)",
        to: "received = redis.call('SPUBLISH', inbox .. member, event) + redis.call('PUBLISH', inbox .. member, event)",
      },
    },
    {
      promise: 'A transient publish writes nothing while all members live.',
      test: { file: scripts, title: 'writes nothing while all members live' },
      mutation: {
        file: 'packages/redis/src/lua/includes/lone.lua',
        from: 'if received > 0 and dead then drop(group, ring, dead) end',
        to: 'if received > 0 then drop(group, ring, dead or {}) end',
      },
    },
    {
      promise: 'A transient publish works while Redis is out of memory, also past a dead member.',
      test: { file: scripts, title: 'publishes while Redis is out of memory, also past a dead member' },
      mutation: { file: 'packages/redis/src/lua/includes/drop.lua', from: 'redis.pcall(', to: 'redis.call(' },
    },
    {
      promise:
        'Whose turn it is comes from the publisher, from a random start: many publishers of one event share the members too.',
      test: overRedis('groups', 'shares the work also when every event has a publisher of its own'),
      mutation: {
        file: 'packages/redis/src/event-flow.ts',
        from: 'Math.floor(Math.random() * 2 ** 31)',
        to: '0',
      },
    },
    {
      promise: 'A place that is not stamped any more is removed by other members, and its group is remembered.',
      test: { file: scripts, title: 'removes places without a stamp, and remembers the group' },
      mutation: {
        file: 'packages/redis/src/lua/join.lua',
        from: "redis.call('HSET', KEYS[1], at, rest)",
        to: "redis.call('HDEL', KEYS[1], at)",
      },
    },
    {
      promise:
        'A subscriber connection that is open but dead is noticed, and the others of its group get the work meanwhile.',
      test: {
        file: transport,
        title: 'notices a subscriber connection that is open but dead, and others get the work meanwhile',
      },
      mutation: {
        file: 'packages/redis/src/wiring.ts',
        from: 'staleAfter: STALE_AFTER * heartbeat,',
        to: 'staleAfter: 3000 * heartbeat,',
      },
    },
    {
      promise: 'The receipt says how many instances a broadcast reached.',
      test: inMemory('receipts', 'counts the instances that a broadcast reaches'),
      mutation: {
        file: 'packages/core/src/memory/listener.ts',
        from: 'return instances.size;',
        to: 'return Math.min(1, instances.size);',
      },
    },
    {
      promise: 'A group that is wholly down shows as 0 in receipts, for 24 hours.',
      test: {
        file: 'packages/core/src/memory/memory-transport.test.ts',
        title: 'remembers a group that is away for a day, by the clock that it was given',
      },
      mutation: { file: 'packages/core/src/memory/ring.ts', from: '24 * 3_600_000', to: '23 * 3_600_000' },
    },
    {
      promise: 'Over Redis a member that leaves leaves no place behind, but its group stays known.',
      test: { file: scripts, title: 'leaves no place behind, but the group stays known until its time is over' },
      mutation: {
        file: 'packages/redis/src/lua/leave.lua',
        from: "redis.call('HSET', KEYS[1], ARGV[1], table.concat(rest))",
        to: "if #rest == 0 then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], table.concat(rest)) end",
      },
    },
    {
      promise: 'A group that has had no member for so long is forgotten.',
      test: { file: scripts, title: 'removes places without a stamp, and remembers the group' },
      mutation: {
        file: 'packages/redis/src/lua/join.lua',
        from: "redis.call('HDEL', KEYS[1], forgotten)",
        to: '',
      },
    },
    {
      promise: 'Events with one key go to one instance of a group, while its members stay the same.',
      test: overRedis('keys', 'gives all events of one key to the same member, and every member some keys'),
      mutation: {
        file: 'packages/redis/src/lua/includes/ring.lua',
        from: 'keys[i] and owner(keys[i]) or',
        to: '',
      },
    },
    {
      promise: 'An instance handles the events of a key one at a time and in order, whatever its concurrency.',
      test: inMemory('keys', 'handles the events of one key one at a time and in order, also with concurrency'),
      mutation: {
        file: 'packages/core/src/receiver.ts',
        from: 'lane: contract?.key === undefined ? undefined : opened.envelope.partitionkey',
        to: 'lane: undefined',
      },
    },
    {
      promise: 'When a member joins or leaves, only the keys move that it wins or had.',
      test: {
        file: 'packages/core/src/memory/rendezvous.test.ts',
        title: 'moves only the keys that a newcomer wins, and gives them back when it leaves',
      },
      mutation: {
        file: 'packages/core/src/memory/rendezvous.ts',
        from: 'score(hash, member.instance)',
        to: 'score(hash + members.length, member.instance)',
      },
    },
    {
      promise: 'Over Redis about one key in n moves when a member joins.',
      test: { file: scripts, title: 'moves about one key in n when a member joins' },
      mutation: {
        file: 'packages/redis/src/lua/includes/ring.lua',
        from: 'local s = score(key, number)',
        to: 'local s = score(key + #numbers, number)',
      },
    },
  ],
};
