import { inMemory, overRedis, type Subject } from './kept-promise.js';

export const handling: Subject = {
  title: 'Who handles it',
  promises: [
    {
      promise:
        'Replicas of a service share its events: each is handled once per group, and every replica gets a share.',
      test: overRedis('groups', 'handles each event of a burst once per group, and gives every replica a share'),
      mutation: {
        file: 'packages/redis/src/lua/includes/ring.lua',
        from: 'or (turn + i - 1) % #members + 1',
        to: 'or 1',
      },
    },
    {
      promise: 'The group is the service’s name, unless the subscription says another.',
      test: inMemory('receipts', 'counts one member of each group, however many it has'),
      mutation: {
        file: 'packages/core/src/options.ts',
        from: '(group ?? defaultGroup)',
        to: "(group ?? 'handlers')",
      },
    },
    {
      promise: 'A subscription may name another group, which gets every event too.',
      test: overRedis('groups', 'gives every event to every group'),
      mutation: {
        file: 'packages/redis/src/lua/includes/publish.lua',
        from: 'receipt[#receipt + 1] = deal(rings[i], rings[i + 1])',
        to: 'receipt[#receipt + 1] = i == 1 and deal(rings[i], rings[i + 1]) or 0',
      },
    },
    {
      promise: 'A broadcast subscription of every instance gets every event, its publisher’s own included.',
      test: inMemory('delivery', 'reaches every instance with a broadcast, the publisher itself included'),
      mutation: {
        file: 'packages/core/src/options.ts',
        from: 'broadcastOnly || broadcast ? undefined',
        to: 'broadcastOnly ? undefined',
      },
    },
    {
      promise: 'A durable event, too, is handled once in every group.',
      test: overRedis(
        'durable-groups',
        'handles each event of durable events that come one by one once in every group',
      ),
      mutation: {
        file: 'packages/redis/src/lua/work.lua',
        from: 'if only and only ~= group then',
        to: 'if n % 2 == 0 or only and only ~= group then',
      },
    },
    {
      promise: 'A durable broadcast reaches every instance.',
      test: inMemory(
        'durable-broadcast',
        'brings every durable event to every instance, from the moment on at which it began',
      ),
      mutation: {
        file: 'packages/core/src/durable/log-reader.ts',
        from: 'if (entry.only === undefined) this.#take',
        to: 'if (entry.only === undefined && entry.ordinal % 2 === 0) this.#take',
      },
    },
    {
      promise: 'Two handlers of one event in one group of one service are refused, and the error says how to mend it.',
      test: inMemory('subscriptions', 'refuses a second handler of one event in one group, and says how to mend it'),
      mutation: {
        file: 'packages/core/src/subscriptions.ts',
        from: 'if (places.some((place) => this.#places.has(place)))',
        to: 'if (places.length === 0)',
      },
    },
    {
      promise: 'Two decorated handlers of one event in one group are refused at start, and both are named.',
      test: {
        file: 'packages/handlers/src/bind-handlers.test.ts',
        title: 'two handlers of one event in one group, naming both and the fix',
      },
      mutation: {
        file: 'packages/handlers/src/find-duplicates.ts',
        from: 'message: `${first.place} and ${second.place} both handle',
        to: 'message: `${first.place} and another both handle',
      },
    },
    {
      promise: 'A subscription handles 16 messages at a time, unless told otherwise, and starts them in order.',
      test: inMemory('concurrency', 'starts messages in order, and by default 16 at a time but never more'),
      mutation: { file: 'packages/core/src/options.ts', from: 'concurrency = 16', to: 'concurrency = 17' },
    },
    {
      promise: 'With a concurrency of 1 messages are handled in order.',
      test: inMemory('concurrency', 'handles one message after the other, in order, with concurrency 1'),
      mutation: {
        file: 'packages/core/src/slots.ts',
        from: 'return this.limit - this.#used;',
        to: 'return this.limit + 1 - this.#used;',
      },
    },
    {
      promise: 'A decorated method whose parameter does not fit the contract does not compile.',
      test: {
        file: 'packages/handlers/src/subscribe.test-d.ts',
        title: 'the handler expects another payload',
      },
      mutation: {
        file: 'packages/handlers/src/handler-decorator.ts',
        from: '<M extends H>(target: object & NotStatic,',
        to: '<M>(target: object & NotStatic,',
      },
    },
  ],
};
