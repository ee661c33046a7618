import { inMemory, overRedis, type Subject } from './kept-promise.js';

const recovery = 'packages/core/src/recovery.test.ts';
const floods = 'packages/redis/test/floods.faults.test.ts';
const watch = 'packages/core/src/sequence-watch.test.ts';

export const loss: Subject = {
  title: 'What was missed, and too much at once',
  promises: [
    {
      promise: 'The events of a publisher are numbered on each channel, from 1 and without gaps.',
      test: overRedis('loss', 'numbers the events of each publisher on each channel, from 1 and without gaps'),
      mutation: {
        file: 'packages/redis/src/sequence.ts',
        from: 'while (numbers.length < count) numbers.push(this.#next++);',
        to: 'while (numbers.length < count) numbers.push((this.#next += 2));',
      },
    },
    {
      promise: 'A gap in the numbers is counted, told, and logged once; a disorder is none.',
      test: inMemory('loss', 'counts a gap, tells of it and logs it once; a disorder is none'),
      mutation: {
        file: 'packages/core/src/sequence-watch.ts',
        from: 'if (sequence > line.next) this.#miss(line, sequence, uncertain);',
        to: '',
      },
    },
    {
      promise: 'Several publishers, channels and patterns give no false alarm.',
      test: inMemory('loss', 'sees no gap where there is none'),
      mutation: {
        file: 'packages/core/src/sequence-watch.ts',
        from: 'next: sequence + 1,',
        to: 'next: sequence,',
      },
    },
    {
      promise: 'What a publisher does not know to be published is no loss.',
      test: {
        file: watch,
        title: 'does not count what its publisher does not know to be published, and takes no harm when it was',
      },
      mutation: {
        file: 'packages/core/src/sequence-watch.ts',
        from: "since, state: 'uncertain' },",
        to: "since, state: 'open' },",
      },
    },
    {
      promise: 'A subscriber that was away is told how much it has missed.',
      test: {
        file: 'packages/redis/test/loss.test.ts',
        title: 'is told of a connection that seemed well all the time, after a while',
      },
      mutation: {
        file: 'packages/core/src/losses.ts',
        from: "events.emit('gap',",
        to: "events.emit('pressure' as 'gap',",
      },
    },
    {
      promise: 'With `recover`, everything that was missed is handed over, in order and once, or counted.',
      test: {
        file: recovery,
        title: 'hands everything over once, in order, or counts it, whatever happens (30 seeds from 0)',
      },
      mutation: {
        file: 'packages/core/src/recovery.ts',
        from: 'if (!isNext && this.#wasRead(cursor)) {',
        to: 'if (cursor.number < 0) {',
      },
    },
    {
      promise: 'What is kept of a channel has an order, a place for each event, and a bound.',
      test: overRedis('recovery', 'keeps of a channel what its contract says, in order, and says where each stands'),
      mutation: {
        file: 'packages/core/src/publication.ts',
        from: 'body, key, recovery, public: publicChannels } };',
        to: 'body, key, recovery: undefined, public: publicChannels } };',
      },
    },
    {
      promise: 'A subscriber that joins late gets nothing old of what is kept.',
      test: inMemory('recovery', 'gives a late joiner nothing old of what is kept'),
      mutation: {
        file: 'packages/core/src/recovery.ts',
        from: 'this.#last = cursorFrom(last) ?? BEGINNING;\n  }',
        to: 'void last;\n    this.catchUp();\n  }',
      },
    },
    {
      promise: 'A flush of a Redis with everybody connected is noticed at once.',
      test: {
        file: 'packages/redis/test/flush.test.ts',
        title: 'is noticed at once, and everybody has one place again (flushall)',
      },
      mutation: {
        file: 'packages/redis/src/flush-watch.ts',
        from: "if (channel === CHANNEL && (message === '' || message === null)) this.#tell();",
        to: '',
      },
    },
    {
      promise: 'A dead connection to the subscriber is noticed within ten seconds.',
      test: {
        file: 'packages/redis/test/heartbeat.faults.test.ts',
        title: 'a subscriber connection that is half open is noticed within ten seconds, and comes back',
        config: 'faults',
      },
      mutation: {
        file: 'packages/redis/src/heartbeat.ts',
        from: 'const SILENT_BEATS = 2;',
        to: 'const SILENT_BEATS = 6;',
      },
    },
    {
      promise: 'A subscriber connection that lives, but does not hear the probe, is dropped.',
      test: {
        file: 'packages/redis/test/heartbeat.faults.test.ts',
        title: 'that answers, but no longer hears the probe, is dropped, and comes back with everything',
        config: 'faults',
      },
      mutation: {
        file: 'packages/redis/src/heartbeat.ts',
        from: 'if (this.#heard < expected && subscriber === connection.client)',
        to: 'if (this.#heard < expected && subscriber !== connection.client)',
      },
    },
    {
      promise: 'The status of a bus follows its connection: idle, connected, closed.',
      test: inMemory('status', 'is idle until it is used, then connected, and closed when it has been closed'),
      mutation: {
        file: 'packages/core/src/transport-bus.ts',
        from: "this.#status = 'closed';",
        to: '',
      },
    },
    {
      promise: 'A full queue drops what it is told to drop, and warns before.',
      test: inMemory('overflow', 'drops the oldest when it is told so, after it has told that it fills up'),
      mutation: {
        file: 'packages/core/src/delivery-queue.ts',
        from: 'if (!mayDrop || this.#waiting.length === 0) return undefined;',
        to: 'if (drop !== undefined) return undefined;',
      },
    },
    {
      promise: 'A handler whose queue was filled by a burst works it off, although more comes all the while.',
      test: { file: floods, title: 'is well again after a burst, although more comes all the while', config: 'faults' },
      mutation: {
        file: 'packages/core/src/turn-budget.ts',
        from: 'this.#isReading = time < this.#readingUntil && this.#hasArrived;',
        to: 'this.#isReading = time < this.#readingUntil;',
      },
    },
    {
      promise: 'A subscriber is not cut off, however fast another program publishes short messages through Redis.',
      test: {
        file: floods,
        title: 'stays connected while another program publishes short messages as fast as Redis takes them',
        config: 'faults',
      },
      mutation: {
        file: 'packages/redis/src/listener.ts',
        from: 'if (hearAtOnce(client, hear)) return client;',
        to: '',
      },
    },
    {
      promise: 'Memory stays bounded in a flood of large events, too.',
      test: { file: floods, title: 'stays within its bounds when it gets large events', config: 'faults' },
      mutation: {
        file: 'packages/redis/src/options.ts',
        from: 'sentinel ? SentinelLookup : (given ?? Connector)',
        to: 'sentinel ? SentinelLookup : (given as typeof Connector)',
      },
    },
    {
      promise: 'An instance whose queue fills up leaves the work to the rest of its group, and no longer than that.',
      test: overRedis('overflow', 'leaves the work to the rest of the group while its queue is full, and no longer'),
      mutation: {
        file: 'packages/core/src/transient-subscription.ts',
        from: 'for (const link of this.#links) link.stepAside?.(full);',
        to: '',
      },
    },
    {
      promise: 'Two namespaces of the same services share no key and no channel.',
      test: { file: 'packages/redis/test/namespaces.test.ts', title: 'share no key and no channel' },
      mutation: {
        file: 'packages/core/src/subscriptions.ts',
        from: '`${this.#options.bus.namespace}:${contract.channel}`',
        to: '`belfry:${contract.channel}`',
      },
    },
  ],
};
