import { inMemory, overRedis, type Subject } from './kept-promise.js';

const group = 'packages/core/src/durable/group.ts';
const attempts = 'packages/core/src/durable/attempts.ts';
const work = 'packages/redis/src/lua/work.lua';

export const durable: Subject = {
  title: 'Durable events',
  promises: [
    {
      promise: 'A durable event is in the log when its publish resolves, which says where.',
      test: inMemory(
        'durable-publishing',
        'resolves with the id of a durable event and its place in the log, a later one for each',
      ),
      mutation: {
        file: 'packages/core/src/publication.ts',
        from: '...(entry === undefined ? {} : { entry }),',
        to: '',
      },
    },
    {
      promise:
        'A publish with an id that was published before, within its window, does nothing, and the receipt says so.',
      test: overRedis(
        'durable-publishing',
        'does nothing when an id is published again: the receipt says so, and names the first entry',
      ),
      mutation: {
        file: 'packages/redis/src/lua/append.lua',
        from: 'if entry or known[id] then',
        to: 'if known[id] then',
      },
    },
    {
      promise: 'An append wakes an idle member of each group: nobody waits for a poll.',
      test: overRedis('durable-groups', 'wakes an idle member of a group as soon as there is an event'),
      mutation: {
        file: 'packages/redis/src/lua/includes/log.lua',
        from: "inbox:' .. group .. ':' .. instance, '!') > 0",
        to: "inbox:' .. group .. ':' .. instance .. '-', '!') > 0",
      },
    },
    {
      promise: 'A doorbell that is lost is made up for by a slow poll.',
      test: {
        file: 'packages/redis/test/durable-doorbell.faults.test.ts',
        title: 'is made up for by the poll where it rang at a half-open connection',
        config: 'faults',
      },
      mutation: {
        file: 'packages/core/src/durable/worker.ts',
        from: 'Math.min(POLL_MS, claimTimeout / 3)',
        to: '600_000',
      },
    },
    {
      promise: 'An instance needs two connections, however many durable contracts it reads.',
      test: {
        file: 'packages/redis/test/durable-answers.faults.test.ts',
        title: 'needs two connections, however many logs it reads',
        config: 'faults',
      },
      mutation: {
        file: 'packages/redis/src/server.ts',
        from: "create: () => connect('commands'),",
        to: "create: () => { void connect('commands').connect(); return connect('commands'); },",
      },
    },
    {
      promise: 'An event is acknowledged only after its handler has succeeded.',
      test: inMemory('durable-retries', 'acknowledges an event only after its handler has succeeded'),
      mutation: {
        file: attempts,
        from: 'return isPromiseLike(result) ? Promise.resolve(result).then(done, failed) : done();',
        to: 'return done();',
      },
    },
    {
      promise: 'A failure is tried again after a pause that grows exponentially, up to a longest one.',
      test: {
        file: 'packages/core/src/durable/retry.test.ts',
        title: 'grows by the factor, up to the longest pause',
      },
      mutation: { file: 'packages/core/src/durable/retry.ts', from: 'factor ** (attempt - 1)', to: 'factor' },
    },
    {
      promise: 'A part of each pause is left to chance, so that many do not come back at the same moment.',
      test: { file: 'packages/core/src/durable/retry.test.ts', title: 'draws from chance by itself' },
      mutation: { file: 'packages/core/src/durable/retry.ts', from: '(1 - jitter * random())', to: '(1 - jitter)' },
    },
    {
      promise: 'Other events go on while one waits for its next attempt.',
      test: inMemory(
        'durable-retries',
        'goes on with other events while one waits for another attempt, although it handles one at a time',
      ),
      mutation: {
        file: 'packages/core/src/durable/ready-queue.ts',
        from: 'this.#options.slots.give(this.fill);',
        to: "if (outcome.outcome !== 'retry') this.#options.slots.give(this.fill);",
      },
    },
    {
      promise: 'What a crashed instance held is claimed by another one, as a further attempt.',
      test: {
        file: 'packages/redis/test/durable-crashes.faults.test.ts',
        title: 'is claimed by another one within the claim timeout when it is killed, as a second attempt',
        config: 'faults',
      },
      mutation: {
        file: work,
        from: 'if entry and is_dead[entry.holder] then wait',
        to: 'if entry and lapsed then wait',
      },
    },
    {
      promise: 'A slow handler keeps its claim as long as its instance gives signs of life.',
      test: inMemory('durable-claims', 'leaves an event with a slow handler whose instance is alive'),
      mutation: { file: group, from: 'if (this.#seen.has(holder)) this.#seen.set(holder, now);', to: '' },
    },
    {
      promise: 'Whoever stood still for longer than its claim is refused at its acknowledgement.',
      test: inMemory(
        'durable-claims',
        'refuses the acknowledgement of an instance that stood still while another one handles the event',
      ),
      mutation: { file: group, from: 'if (pending?.holder?.token !== token) {', to: 'if (pending === undefined) {' },
    },
    {
      promise: 'Over Redis a token settles one delivery, and no other.',
      test: overRedis(
        'durable-claims',
        'refuses the acknowledgement of an instance that stood still while another one handles the event',
      ),
      mutation: { file: work, from: 'if entry.token ~= its_token then', to: 'if false then' },
    },
    {
      promise: 'The handler that stood still is told by its signal: CLAIM_LOST.',
      test: inMemory(
        'durable-claims',
        'takes over what an instance holds that stands still, and refuses what that does afterwards',
      ),
      mutation: { file: group, from: 'lapsed: lostBefore,', to: 'lapsed: false,' },
    },
    {
      promise: 'What is handed over when an instance stops goes to another one at once, and that is no attempt.',
      test: inMemory(
        'durable-drain',
        'gives what still runs when the time is over to another instance at once, and tells its handlers',
      ),
      mutation: {
        file: group,
        from: '      pending.attempts--;\n    } else {',
        to: '    } else {',
      },
    },
    {
      promise: 'The events of a key are handled one at a time and in order by the whole group, through failures.',
      test: overRedis(
        'durable-order',
        'handles the durable events of a key one at a time and in order, through failures and with several instances',
      ),
      mutation: {
        file: work,
        from: "elseif key and redis.call('HSETNX', BUSY, key, id) == 0 then",
        to: 'elseif false then',
      },
    },
    {
      promise: 'A failing event holds back what is behind it in its key, and nothing else.',
      test: inMemory('durable-order', 'lets what is behind a failing event of its key wait, and nothing else'),
      mutation: {
        file: group,
        from: 'if (key !== undefined && this.#busy.has(key)) {',
        to: 'if (key !== undefined && this.#busy.size > 0) {',
      },
    },
    {
      promise: 'With `once` a group drops what it has completed before.',
      test: overRedis(
        'durable-once',
        'drops an event that its group has completed before, counts it, and leaves it to others',
      ),
      mutation: {
        file: work,
        from: "redis.call('EXISTS', ONCE .. id) == 1",
        to: "redis.call('EXISTS', ONCE .. id) == 2",
      },
    },
    {
      promise: 'A commit marks the event as completed in the same step.',
      test: {
        file: 'packages/redis/test/durable-commits.test.ts',
        title: 'marks the event as completed in the same step',
      },
      mutation: {
        file: work,
        from: "redis.call('SET', ONCE .. message, '1', 'PX', window)",
        to: "if second == '' then redis.call('SET', ONCE .. message, '1', 'PX', window) end",
      },
    },
    {
      promise: 'What has failed was not completed: it is tried again, and handled when it is replayed.',
      test: inMemory(
        'durable-once',
        'tries again what has failed, and handles what is replayed: that was not completed',
      ),
      mutation: {
        file: group,
        from: "if (outcome === 'done' && settlement.once",
        to: "if (outcome === 'dead') this.#mark({ messageId: entry?.messageId ?? '', window: 86_400_000 }, now); else if (settlement.once",
      },
    },
    {
      promise: '`context.commit` acknowledges an event in the step in which it runs its commands.',
      test: overRedis(
        'durable-commits',
        'acknowledges an event in the step in which it runs the commands of its commit',
      ),
      mutation: { file: work, from: "elseif second ~= '' then trouble = run(second) end", to: 'end' },
    },
    {
      promise: 'A commit for an event that somebody else has taken over is refused with all its effects: CLAIM_LOST.',
      test: {
        file: 'packages/redis/src/work-script.test.ts',
        title: 'runs no command of a commit that comes too late',
      },
      mutation: { file: work, from: 'if entry.token ~= its_token then', to: 'if false then' },
    },
    {
      promise: 'A durable broadcast starts now: it gets nothing that was published before it began.',
      test: inMemory(
        'durable-broadcast',
        'brings every durable event to every instance, from the moment on at which it began',
      ),
      mutation: {
        file: 'packages/core/src/durable/log-reader.ts',
        from: 'this.#cursor = last;',
        to: "this.#cursor = '';",
      },
    },
    {
      promise: 'A durable broadcast tries again by itself what failed, and needs no group for that.',
      test: inMemory(
        'durable-broadcast',
        'tries again by itself what a broadcast handler could not do, and gives it up without a dead letter',
      ),
      mutation: {
        file: 'packages/core/src/durable/log-reader.ts',
        from: "if (outcome.outcome === 'retry' && !this.#abandoned) {",
        to: "if (outcome.outcome === 'retry' && this.#abandoned) {",
      },
    },
    {
      promise: 'A durable broadcast whose doorbell was lost, as in an interruption, catches up within a second.',
      test: {
        file: 'packages/core/src/durable/log-reader.test.ts',
        title: 'looks by itself: with something due in 5000 ms, after 1000 ms',
      },
      mutation: {
        file: 'packages/core/src/durable/log-reader.ts',
        from: 'const POLL_MS = 1000;',
        to: 'const POLL_MS = 3_600_000;',
      },
    },
    {
      promise: 'A delayed event is published when its time has come, and not before.',
      test: inMemory('durable-delays', 'publishes an event with "delay" when its time has come, and not before'),
      mutation: { file: 'packages/core/src/durable/log.ts', from: 'dueAt: now + delay }', to: 'dueAt: now }' },
    },
  ],
};

export const deadLetters: Subject = {
  title: 'Dead letters, retention and loss of durable events',
  promises: [
    {
      promise: 'After its last attempt an event goes to the dead letters of its group.',
      test: inMemory('durable-retries', 'gives an event up after its last attempt'),
      mutation: { file: attempts, from: 'attempt < retry.attempts &&', to: 'attempt <= retry.attempts &&' },
    },
    {
      promise: 'A dead letter keeps the error, the attempts and the original.',
      test: overRedis('durable-dead-letters', 'keeps with a dead letter why it was given up, and the original'),
      mutation: { file: work, from: "'attempts', entry.attempts, 'first'", to: "'attempts', 1, 'first'" },
    },
    {
      promise: 'An event that no attempt came to the end of is given up too: HANDLER_CRASHED.',
      test: inMemory(
        'durable-claims',
        'gives up an event that none of its attempts came to the end of: HANDLER_CRASHED',
      ),
      mutation: {
        file: attempts,
        from: 'if (attempt.attempt > retry.attempts) return',
        to: 'if (retry.attempts === 0) return',
      },
    },
    {
      promise: 'Dead letters are listed page by page.',
      test: inMemory('durable-dead-letters', 'lists dead letters from the oldest on, a page at a time'),
      mutation: {
        file: 'packages/core/src/durable/log.ts',
        from: 'Number(id) > Number(after)',
        to: 'Number(id) >= Number(after)',
      },
    },
    {
      promise: 'Dead letters are replayed to their own group, and to nobody else.',
      test: overRedis(
        'durable-dead-letters',
        'gives dead letters to their group again, one, some or all, and to nobody else',
      ),
      mutation: {
        file: 'packages/redis/src/lua/replay.lua',
        from: "add(of.e or '', of.k, group)",
        to: "add(of.e or '', of.k)",
      },
    },
    {
      promise: 'Dead letters can be thrown away: one, some or all.',
      test: inMemory('durable-dead-letters', 'throws dead letters away, one, some or all'),
      mutation: {
        file: 'packages/core/src/durable/log.ts',
        from: '(ids ?? [...dead.keys()]).filter',
        to: '[...dead.keys()].filter',
      },
    },
    {
      promise: 'What every group has acknowledged is kept for 24 hours, unless the contract says otherwise.',
      test: {
        file: 'packages/contracts/src/event.test.ts',
        title: 'fills in what is left out',
      },
      mutation: { file: 'packages/contracts/src/event.ts', from: "retain?.age ?? '24h'", to: "retain?.age ?? '12h'" },
    },
    {
      promise: 'What a group has not acknowledged is never trimmed.',
      test: overRedis('durable-inspection', 'trims what every group has acknowledged, and nothing else'),
      mutation: {
        file: 'packages/redis/src/lua/tend.lua',
        from: 'if floor and is_before(floor, before) then before = floor end',
        to: '',
      },
    },
    {
      promise: 'Only a cap trims what a group has not acknowledged, and then the loss is counted and told.',
      test: inMemory('durable-inspection', 'loses what is beyond the cap of a log, counts it and reports it'),
      mutation: { file: group, from: 'this.lost += ordinal - this.#ordinal - 1;', to: 'this.lost += 0;' },
    },
    {
      promise: 'A group that seems to be forgotten, and holds the log back, is warned about.',
      test: {
        file: 'packages/core/src/durable/upkeep.test.ts',
        title: 'warns of a group that nobody works for, once an hour',
      },
      mutation: {
        file: 'packages/core/src/durable/upkeep.ts',
        from: 'if (idle < FORGOTTEN_MS || lag + pending === 0) return;',
        to: 'if (idle < 24 * FORGOTTEN_MS || lag + pending === 0) return;',
      },
    },
    {
      promise: 'A Redis that has lost its data is told of, and groups go on with what comes from then on.',
      test: {
        file: 'packages/redis/test/durable-restarts.faults.test.ts',
        title: 'and comes back empty: groups are made again, the loss is told, and everything from then on is handled',
        config: 'faults',
      },
      mutation: {
        file: work,
        from: "redis.call('XGROUP', 'CREATE', LOG, group, '0', 'MKSTREAM')",
        to: "redis.call('XGROUP', 'CREATE', LOG, group, '$', 'MKSTREAM')",
      },
    },
  ],
};
