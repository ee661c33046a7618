import type { Subject } from './kept-promise.js';

const sender = 'packages/redis/src/sender.ts';
const line = 'packages/redis/src/waiting-line.ts';
const shown = 'packages/redis/src/outbox.test.ts';
const transport = 'packages/redis/src/redis-transport.test.ts';

export const outages: Subject = {
  title: 'While Redis is away, and afterwards',
  promises: [
    {
      promise: 'What is published while Redis is away waits, and is delivered in order when it is back.',
      test: { file: shown, title: 'waits while Redis is away, and delivers in order when it is back' },
      mutation: {
        file: line,
        from: 'for (const batch of this.#waiting.keys()) {',
        to: 'for (const batch of [...this.#waiting.keys()].reverse()) {',
      },
    },
    {
      promise:
        'A publish waits within a bound, then rejects as not delivered: TRANSPORT_UNAVAILABLE, which names the address but no password.',
      test: {
        file: shown,
        title:
          'rejects as unavailable what could not be written within the bound, naming the address and not the password',
      },
      mutation: {
        file: 'packages/redis/src/outbox.ts',
        from: 'if (batch.written) batch.reject(unconfirmed(batch.title, address));',
        to: 'if (batch.size > 0) batch.reject(unconfirmed(batch.title, address));',
      },
    },
    {
      promise:
        'A transient publish whose answer is lost rejects with PUBLISH_UNCONFIRMED at once, and is never sent again.',
      test: {
        file: shown,
        title: 'rejects a publish whose answer is lost as unconfirmed, within a second, and never sends it again',
      },
      mutation: { file: sender, from: 'else if (batch.repeatable) {', to: 'else if (batch.size > 0) {' },
    },
    {
      promise: 'A durable publish whose answer is lost is sent again, and recognised: the event is in the log once.',
      test: {
        file: 'packages/redis/test/durable-publish.faults.test.ts',
        title: 'sends again what was appended although the answer was lost, and it is there once',
        config: 'faults',
      },
      mutation: { file: 'packages/redis/src/lua/append.lua', from: 'if batch <= last then', to: 'if batch < 0 then' },
    },
    {
      promise: 'Every publish settles, also when Redis is killed under load.',
      test: { file: shown, title: 'settles every publish when Redis is killed under load' },
      mutation: {
        file: sender,
        from: `batch.perhapsExecuted?.();
      batch.reject(unconfirmed(batch.title, address));`,
        to: 'batch.perhapsExecuted?.();',
      },
    },
    {
      promise: 'A publish settles also when the connection is open but dead.',
      test: { file: transport, title: 'settles a publish on a command connection that is open but dead' },
      mutation: {
        file: 'packages/redis/src/heartbeat.ts',
        from: 'if (this.#commandsLife.isOver()) commands.drop(silent);',
        to: 'if (this.#commandsLife.isOver()) return;',
      },
    },
    {
      promise: 'What waits for Redis is bounded; what is beyond the bound is rejected as not delivered.',
      test: {
        file: shown,
        title: 'holds a bounded amount for a Redis that does not answer, and rejects the rest as not delivered',
      },
      mutation: {
        file: 'packages/redis/src/event-flow.ts',
        from: 'MOST_HELD = 33_554_432',
        to: 'MOST_HELD = 33_554_432_000',
      },
    },
    {
      promise: 'What a Redis that has forgotten its scripts refuses is sent again.',
      test: {
        file: shown,
        title: 'goes on in order when Redis forgets the script in the midst of a stream of publishes',
      },
      mutation: {
        file: sender,
        from: 'if (isNoScript(error)) {',
        to: 'if (batch.size < 0) {',
      },
    },
    {
      promise: 'What is sent again goes to its old place: a NOSCRIPT reorders nothing.',
      test: {
        file: 'packages/redis/test/durable-publish.faults.test.ts',
        title: 'neither reorders nor loses nor doubles when the scripts are flushed in the middle of a flood',
        config: 'faults',
      },
      mutation: {
        file: line,
        from: '[...this.#waiting].sort(([a], [b]) => a.sequence - b.sequence)',
        to: '[...this.#waiting]',
      },
    },
    {
      promise: 'A start with nobody at the URL fails within 5 s, and the error shows no password.',
      test: {
        file: 'packages/runtime/src/service.test.ts',
        title: 'fails within 5 s, with a code and without the password',
      },
      mutation: {
        file: 'packages/redis/src/options.ts',
        from: "subscribePatience = '4s'",
        to: "subscribePatience = '15s'",
      },
    },
    {
      promise: 'Subscriptions and places come back when every connection was cut, each once.',
      test: { file: transport, title: 'comes back when every connection is cut, and is subscribed once' },
      mutation: {
        file: 'packages/redis/src/listener.ts',
        from: 'for (const ear of ears) this.#ask(client, ear);',
        to: '',
      },
    },
    {
      promise: 'Subscriptions and places come back when Redis was restarted empty.',
      test: { file: transport, title: 'has every subscription and place back, once, when Redis was restarted empty' },
      mutation: {
        file: 'packages/redis/src/listener.ts',
        from: 'const ears = Object.values(this.#ears).flatMap(',
        to: 'const ears = [this.#ears.sharded, this.#ears.glob].flatMap(',
      },
    },
    {
      promise: 'Subscriptions and places come back when Redis was flushed, although no connection broke.',
      test: { file: transport, title: 'has every subscription and place back, once, when Redis was flushed' },
      mutation: {
        file: 'packages/redis/src/lua/join.lua',
        from: "local ring = redis.call('HGET', KEYS[1], group) or ''",
        to: "local ring = redis.call('HGET', KEYS[1], group) or place",
      },
    },
    {
      promise:
        'A server that has become a replica is left within a heartbeat, also by an instance that only publishes.',
      test: {
        file: 'packages/redis/src/primary.test.ts',
        title: 'is left by who only publishes, within a heartbeat, and taken again when it is a primary',
      },
      mutation: {
        file: 'packages/redis/src/heartbeat.ts',
        from: 'askWhetherPrimary(commands.client).catch(() => {});',
        to: '',
      },
    },
    {
      promise:
        'What a server refused because it has become a replica waits, and goes to the next primary once and in order.',
      test: {
        file: 'packages/redis/src/primary.test.ts',
        title: 'refuses durable events: they wait, and are appended once and in their order by the next primary',
      },
      mutation: { file: 'packages/redis/src/topology.ts', from: 'return isReplica(refusal);', to: 'return false;' },
    },
    {
      promise: 'A subscriber connection to another server than that of the commands is brought there.',
      test: {
        file: 'packages/redis/src/primary.test.ts',
        title:
          'a subscriber that has stayed with a former primary is brought to the new one, although the probe comes round by replication',
      },
      mutation: {
        file: 'packages/redis/src/heartbeat.ts',
        from: 'Number(receivers) === 0 && subscriber',
        to: 'Number(receivers) < 0 && subscriber',
      },
    },
    {
      promise: 'When a bus says that it is back, its places are taken: what is published in that moment is received.',
      test: {
        file: 'packages/redis/test/resumed.test.ts',
        title: 'may publish at once, and it receives: its commands connection is the last',
      },
      mutation: {
        file: 'packages/redis/src/server.ts',
        from: 'await this.#stamp();',
        to: 'void this.#stamp();',
      },
    },
    {
      promise:
        'A subscription that Redis refuses when the connection comes back is an interruption until it stands again, and is asked for with every probe.',
      test: {
        file: 'packages/redis/test/resumed.test.ts',
        title: 'is an interruption, hinders no other one, and is there again when it is allowed again',
      },
      mutation: { file: 'packages/redis/src/heartbeat.ts', from: 'void listener.retry();', to: '' },
    },
    {
      promise: 'When all of a machine has slept, nobody of those who slept loses a place for it.',
      test: {
        file: 'packages/redis/src/scripts.test.ts',
        title: 'removes nobody for whoever was away for as long: everybody slept, or the clock was put forward',
      },
      mutation: {
        file: 'packages/redis/src/lua/join.lua',
        from: "local knows = ARGV[6] ~= '1' and (not before or now - before < tonumber(ARGV[4]))",
        to: 'local knows = true',
      },
    },
  ],
};
