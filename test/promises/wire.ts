import { inMemory, overRedis, type Subject } from './kept-promise.js';

export const badInput: Subject = {
  title: 'Bad input',
  promises: [
    {
      promise: 'A message that is no envelope never reaches a handler, and does not stop the subscriber.',
      test: inMemory('bad-input', 'rejects text that is not JSON, counts and logs it, and handles the next message'),
      mutation: {
        file: 'packages/core/src/rejections.ts',
        from: 'this.counts[reason]++;',
        to: '',
      },
    },
    {
      promise: 'A message whose data break the contract never reaches a handler.',
      test: inMemory(
        'bad-input',
        'rejects data that break the schema, counts and logs it, and handles the next message',
      ),
      mutation: {
        file: 'packages/core/src/receiver.ts',
        from: 'if (contract === undefined || !this.#options.validate) return this.#start(',
        to: 'if (envelope !== undefined) return this.#start(',
      },
    },
    {
      promise: 'A message of another version of the contract never reaches a handler.',
      test: inMemory(
        'bad-input',
        'rejects an event of another version, counts and logs it, and handles the next message',
      ),
      mutation: {
        file: 'packages/core/src/event-handling.ts',
        from: '&& version === String(contract.version)',
        to: '',
      },
    },
    {
      promise: 'The limit of a message’s size is 1 MiB, unless told otherwise.',
      test: { file: 'packages/core/src/options.test.ts', title: 'have the defaults that are written at them' },
      mutation: {
        file: 'packages/core/src/options.ts',
        from: 'maxMessageBytes = 1_048_576',
        to: 'maxMessageBytes = 1_000_000',
      },
    },
    {
      promise: 'What is larger than that is not published either: PAYLOAD_TOO_LARGE.',
      test: inMemory('validation', 'does not publish what is too large: PAYLOAD_TOO_LARGE'),
      mutation: {
        file: 'packages/core/src/outgoing.ts',
        from: 'return bytes > limit ? bytes : undefined;',
        to: 'return bytes > 2 * limit ? bytes : undefined;',
      },
    },
    {
      promise: 'Among the good messages of a burst only the bad one is rejected.',
      test: overRedis('bad-input', 'rejects a bad message among good ones of one burst, and only that'),
      mutation: {
        file: 'packages/redis/src/frame.ts',
        from: 'const next = records < MOST_RECORDS ?',
        to: 'const next = records < 9 ?',
      },
    },
    {
      promise: 'A durable event that breaks the contract goes to the dead letters at once.',
      test: overRedis(
        'durable-bad-input',
        'puts data that break the schema among the dead letters at once, and handles the next durable event',
      ),
      mutation: {
        file: 'packages/core/src/durable/attempts.ts',
        from: 'if (validation.valid) return start',
        to: 'if (validation) return start',
      },
    },
    {
      promise: 'What is wrong is said without a word of the payload.',
      test: { file: 'packages/core/src/envelope.test.ts', title: 'quotes nothing of what it refuses' },
      mutation: {
        file: 'packages/core/src/envelope.ts',
        from: "throw invalid('it is not JSON');",
        to: 'throw invalid(`it is not JSON: ${text}`);',
      },
    },
    {
      promise: 'A flood of bad messages is counted, and does not become a flood of log lines.',
      test: inMemory('bad-input', 'does not turn a flood of bad messages into a flood of log lines'),
      mutation: {
        file: 'packages/core/src/rejections.ts',
        from: 'const LOG_LINES_PER_SECOND = 10;',
        to: 'const LOG_LINES_PER_SECOND = 10_000;',
      },
    },
    {
      promise: 'A handler that throws is logged and counted, and the next message is handled.',
      test: inMemory('failing-handlers', 'logs and counts a handler that throws, and handles the next message'),
      mutation: {
        file: 'packages/core/src/receiver.ts',
        from: '    this.stats.failed++;',
        to: '',
      },
    },
  ],
};

const foreignTest = 'examples/redis-pubsub/src/foreign.test.ts';

export const foreign: Subject = {
  title: 'Foreign programs',
  promises: [
    {
      promise: 'A plain PUBLISH on a bare channel reaches its handlers: the name is literal, outside the namespace.',
      test: { file: foreignTest, title: 'PUBLISH reaches a decorated method' },
      mutation: {
        file: 'packages/core/src/subscriptions.ts',
        from: "return contract.kind === 'channel' ? contract.channel :",
        to: "return contract.kind === 'channel' ? `belfry:${contract.channel}` :",
      },
    },
    {
      promise: 'A plain SUBSCRIBE reads what Belfry publishes on a bare channel, and each event on its public channel.',
      test: {
        file: foreignTest,
        title: 'SUBSCRIBE reads what a service publishes, on the bare channel and on the public channel of an event',
      },
      mutation: {
        file: 'packages/redis/src/lua/includes/publish.lua',
        from: "if ARGV[2] == '1' and (redis.call('PUBLISH', channel, events[1]) > 0 or TELL",
        to: "if ARGV[2] == '2' and (redis.call('PUBLISH', channel, events[1]) > 0 or TELL",
      },
    },
    {
      promise: 'A member of a group gets no frame of a version that it does not read.',
      test: {
        file: 'packages/redis/src/burst-script.test.ts',
        title: 'gives a lone member the frame as it is, if it reads it, else whole envelopes',
      },
      mutation: {
        file: 'packages/redis/src/lua/burst.lua',
        from: "if #members == 1 and string.sub(ring, ID + 1) >= '02' then",
        to: 'if #members == 1 then',
      },
    },
    {
      promise: 'The broadcast channel carries what everybody on it can read.',
      test: {
        file: 'packages/redis/src/burst-script.test.ts',
        title: 'says what is shared once on the broadcast channel, as long as everybody there reads it',
      },
      mutation: {
        file: 'packages/redis/src/lua/burst.lua',
        from: 'if not by_pattern and listening[2] == listening[4] then',
        to: 'if not by_pattern then',
      },
    },
    {
      promise:
        'Who publishes faster than Redis answers gets larger batches, in order, and no wait that is longer than the bound.',
      test: {
        file: 'packages/redis/src/event-flow.test.ts',
        title: 'share the next command when four of the channel are unanswered',
      },
      mutation: {
        file: 'packages/redis/src/event-flow.ts',
        from: 'const MOST_UNANSWERED = 4;',
        to: 'const MOST_UNANSWERED = 4000;',
      },
    },
    {
      promise: 'A lone event without a key is published on its public channel, too.',
      test: {
        file: 'packages/redis/src/scripts.test.ts',
        title: 'sends a lone event without a key as itself to everybody: a frame is for several',
      },
      mutation: {
        file: 'packages/redis/src/lua/includes/lone.lua',
        from: "if ARGV[2] == '1' then redis.call('PUBLISH', channel, event) end",
        to: '',
      },
    },
    {
      promise: 'On the public channel travels one JSON object per message, of a burst too.',
      test: {
        file: 'packages/redis/src/scripts.test.ts',
        title: 'publishes each event as one JSON object on the public channel, and only if asked to',
      },
      mutation: {
        file: 'packages/redis/src/lua/includes/publish.lua',
        from: "for i = 2, #events do redis.call('PUBLISH', channel, events[i]) end",
        to: "redis.call('PUBLISH', channel, whole)",
      },
    },
    {
      promise: 'Public channels can be switched off.',
      test: inMemory('bare-channels', 'publishes every event on its public channel too, unless told not to'),
      mutation: { file: 'packages/core/src/publication.ts', from: 'public: publicChannels }', to: 'public: true }' },
    },
    {
      promise: 'A plain PUBLISH on the public channel of an event reaches no handler.',
      test: { file: foreignTest, title: 'reaches no handler with a plain PUBLISH on the public channel' },
      mutation: {
        file: 'packages/redis/src/redis-transport.ts',
        from: 'name: broadcastChannel(channel), title: channel }',
        to: 'name: channel, title: channel }',
      },
    },
    {
      promise: 'A foreign program emits an event with the published script.',
      test: { file: foreignTest, title: 'emits an event with the published script' },
      mutation: {
        file: 'packages/redis/src/lua/includes/lone.lua',
        from: "received = redis.call('SPUBLISH', inbox .. member, event)",
        to: "received = redis.call('PUBLISH', inbox .. member, event)",
      },
    },
    {
      promise: 'Text on a bare channel arrives as it is, whatever it looks like.',
      test: overRedis('bare-channels', 'carries text on a bare channel as it is, whatever it looks like'),
      mutation: {
        file: 'packages/core/src/receiver.ts',
        from: 'if (schema === undefined) return start(body);',
        to: 'if (schema === undefined) return start(parseBare(body));',
      },
    },
    {
      promise: 'A bare channel has no groups: `group` does not compile.',
      test: { file: 'packages/core/src/bus.test-d.ts', title: 'a bare channel has no group' },
      mutation: {
        file: 'packages/core/src/bus.ts',
        from: "[C] extends [{ readonly kind: 'event' }]",
        to: '[C] extends [AnyContract]',
      },
    },
  ],
};

export const wire: Subject = {
  title: 'The wire',
  promises: [
    {
      promise: 'An envelope is a CloudEvents 1.0 object in structured mode.',
      test: {
        file: 'packages/core/src/envelope.test.ts',
        title: 'writes a CloudEvents envelope, without what is absent',
      },
      mutation: {
        file: 'packages/core/src/envelope.ts',
        from: '"datacontenttype":"application/json"',
        to: '"contenttype":"application/json"',
      },
    },
    {
      promise: 'Attributes that there are not are left out.',
      test: {
        file: 'packages/core/src/envelope.test.ts',
        title: 'writes a CloudEvents envelope, without what is absent',
      },
      mutation: {
        file: 'packages/core/src/envelope.ts',
        from: 'if (tracestate !== undefined) rest +=',
        to: 'if (tracestate === undefined) rest += \',"tracestate":null\'; else rest +=',
      },
    },
    {
      promise: 'Every message has an id of its own, made without coordination.',
      test: inMemory('delivery', 'names every message differently'),
      mutation: {
        file: 'packages/core/src/identity.ts',
        from: '(count++).toString(36)',
        to: '(count++ >> 1).toString(36)',
      },
    },
    {
      promise: 'What one turn of the event loop publishes on one channel travels as one command.',
      test: {
        file: 'packages/redis/src/outbox.test.ts',
        title: 'sends what one turn published on one channel as one command',
      },
      mutation: {
        file: 'packages/redis/src/event-flow.ts',
        from: 'if (batch === undefined || !batch.takes(event)) {',
        to: 'if (batch === undefined || !batch.takes(event) || batch.size > 0) {',
      },
    },
    {
      promise: 'A burst is dealt out over the members of a group, one frame each.',
      test: {
        file: 'packages/redis/src/scripts.test.ts',
        title: 'deals a burst out over the members, one frame each, in order',
      },
      mutation: {
        file: 'packages/redis/src/lua/includes/ring.lua',
        from: 'inbox .. members[at], frame(hand)) end',
        to: 'inbox .. members[at], hand[1]) end',
      },
    },
    {
      promise: 'A lone event goes as itself, with a key too.',
      test: {
        file: 'packages/redis/src/scripts.test.ts',
        title: 'sends a lone event with a key as itself to everybody: a frame is for several',
      },
      mutation: {
        file: 'packages/redis/src/lua/includes/ring.lua',
        from: 'if #list == 1 then return list[1] end',
        to: '',
      },
    },
    {
      promise: 'A bad record spoils no other of its frame.',
      test: {
        file: 'packages/redis/src/frame.test.ts',
        title: 'hands over what is not well formed too: it is the reader who rejects and counts',
      },
      mutation: {
        file: 'packages/redis/src/frame.ts',
        from: '} else if (stop > start) {',
        to: "} else if (message[start] === '{') {",
      },
    },
    {
      promise: 'A second version of a contract is another channel.',
      test: inMemory('subscriptions', 'carries a second version of a contract on a channel of its own'),
      mutation: {
        file: 'packages/contracts/src/event.ts',
        from: 'channel: version === 1 ? name : `${name}.v${version}`,',
        to: 'channel: name,',
      },
    },
    {
      promise: 'Namespaces never meet.',
      test: overRedis('delivery', 'keeps namespaces apart'),
      mutation: {
        file: 'packages/core/src/options.ts',
        from: '    namespace,\n    transport: transport ??',
        to: "    namespace: 'belfry',\n    transport: transport ??",
      },
    },
    {
      promise: 'Patterns match segment by segment.',
      test: inMemory('patterns', 'matches names segment by segment, and versions only when asked'),
      mutation: {
        file: 'packages/core/src/pattern.ts',
        from: 'return at === wanted.length;',
        to: 'return at <= wanted.length;',
      },
    },
    {
      promise: 'Patterns never match another version by accident.',
      test: overRedis('patterns', 'matches names segment by segment, and versions only when asked'),
      mutation: {
        file: 'packages/core/src/pattern.ts',
        from: '|| wanted.version !== given.version)',
        to: ')',
      },
    },
    {
      promise: 'Names of events are dotted lower case.',
      test: { file: 'packages/contracts/src/event.test.ts', title: 'lists every mistake in one error' },
      mutation: {
        file: 'packages/contracts/src/rules.ts',
        from: '(\\\\.${segment})*$`);',
        to: "(\\\\.${segment})*$`, 'i');",
      },
    },
  ],
};
