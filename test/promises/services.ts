import { inMemory, overRedis, type Subject } from './kept-promise.js';

const service = 'packages/runtime/src/service.test.ts';

export const services: Subject = {
  title: 'Context, start and stop',
  promises: [
    {
      promise: 'Correlation, cause and trace flow from a message into what its handler publishes.',
      test: inMemory('context', 'carries correlation, cause and trace from a message into what its handler publishes'),
      mutation: {
        file: 'packages/core/src/outgoing.ts',
        from: 'options.correlationId ?? context?.correlationId',
        to: 'options.correlationId',
      },
    },
    {
      promise: 'Correlation, cause and trace flow into nested requests.',
      test: inMemory('request-deadlines', 'carries correlation, cause and trace into nested requests'),
      mutation: {
        file: 'packages/core/src/requests.ts',
        from: 'causalityOf(options, currentContext())',
        to: 'causalityOf(options, undefined)',
      },
    },
    {
      promise: 'Correlation, cause and trace flow through durable events.',
      test: overRedis('durable-context', 'carries correlation, cause and trace through durable events, in groups'),
      mutation: {
        file: 'packages/core/src/event-handling.ts',
        from: 'return runInContext(context, () => handler(context.data, context));',
        to: 'return handler(context.data, context);',
      },
    },
    {
      promise: 'The flows of messages that are handled at the same time are kept apart.',
      test: { file: 'packages/core/src/context.test.ts', title: 'keeps flows apart, and an inner one inside' },
      mutation: {
        file: 'packages/core/src/context.ts',
        from: 'storage.run(causality, work)',
        to: '(storage.enterWith(causality), work())',
      },
    },
    {
      promise: 'Log lines carry the message that is being handled.',
      test: {
        file: 'packages/runtime/src/pino-logger.test.ts',
        title: 'writes JSON lines that carry the message being handled',
      },
      mutation: {
        file: 'packages/runtime/src/log-context.ts',
        from: '...(messageId === undefined ? undefined : { messageId }),',
        to: '',
      },
    },
    {
      promise:
        'Outside production a service without a URL runs over memory:, with a warning that it is this process only.',
      test: { file: service, title: 'warns when nobody said where to' },
      mutation: {
        file: 'packages/runtime/src/service.ts',
        from: 'if (memoryByDefault) {',
        to: 'if (!memoryByDefault) {',
      },
    },
    {
      promise: 'In production there is no default.',
      test: { file: 'packages/runtime/src/service-config.test.ts', title: 'has no default in production' },
      mutation: {
        file: 'packages/runtime/src/service-config.ts',
        from: "env.NODE_ENV === 'production'",
        to: "env.NODE_ENV === 'live'",
      },
    },
    {
      promise: 'A subscription is confirmed when subscribe() resolves: what is published next arrives.',
      test: overRedis('delivery', 'has confirmed a place in a group when subscribe() resolves'),
      mutation: {
        file: 'packages/redis/src/redis-transport.ts',
        from: 'await membership.join(channel, group);',
        to: 'setTimeout(() => void membership.join(channel, group), 50);',
      },
    },
    {
      promise: 'A service that stops is not ready any more at once.',
      test: { file: service, title: 'starts its handlers, says what is subscribed, and stops' },
      mutation: {
        file: 'packages/runtime/src/service.ts',
        from: "return this.#status === 'ready'",
        to: "return (this.#status === 'ready' || this.#status === 'stopping')",
      },
    },
    {
      promise: 'When the end of a subscription resolves, what it was dealt has arrived, and nothing comes after.',
      test: overRedis(
        'raw-transport',
        'has delivered what it dealt when the end of a subscription resolves, and delivers nothing after',
      ),
      mutation: {
        file: 'packages/redis/src/listener.ts',
        from: 'if (ended !== undefined) await settlesWithin(clock, patience, ended);',
        to: 'if (ended === undefined) await settlesWithin(clock, patience, Promise.resolve());',
      },
    },
    {
      promise: 'Nothing is lost, and nothing handled twice, while members of a group come and go.',
      test: overRedis('groups', 'loses nothing and handles nothing twice while a member joins and leaves'),
      mutation: {
        file: 'packages/redis/src/lua/includes/lone.lua',
        from: 'if received > 0 then break end',
        to: '',
      },
    },
    {
      promise: 'What is queued and in flight is finished before a bus closes.',
      test: inMemory('closing', 'finishes what is queued and in flight before it closes'),
      mutation: { file: 'packages/core/src/running.ts', from: 'await receiver.idle();', to: '' },
    },
    {
      promise: 'What is not finished by the deadline is given up: its handler is told, and it is reported.',
      test: inMemory('closing', 'gives up a stuck handler when the time is over, tells it so, and reports'),
      mutation: { file: 'packages/core/src/transport-bus.ts', from: 'this.#abort.abort(reason);', to: '' },
    },
    {
      promise: 'What was taken on of requests is answered before a bus closes.',
      test: inMemory('request-drain', 'answers what is queued and in flight before it closes, and takes nothing more'),
      mutation: {
        file: 'packages/core/src/request-receiver.ts',
        from: 'await this.#queue.idle();',
        to: '',
      },
    },
    {
      promise: 'A signal drains every service of the process, and ends it with 0.',
      test: {
        file: 'packages/runtime/test/run-service.faults.test.ts',
        title: 'drains at SIGTERM: what is in flight finishes, may still publish, and the process ends with 0',
        config: 'faults',
      },
      mutation: {
        file: 'packages/runtime/src/process-signals.ts',
        from: 'Array.from(running, (service) => service.stop())',
        to: '[...running].slice(0, 1).map((service) => service.stop())',
      },
    },
    {
      promise: 'A second signal ends it at once.',
      test: {
        file: 'packages/runtime/test/run-service.faults.test.ts',
        title: 'ends at once at a second SIGTERM, with 143',
        config: 'faults',
      },
      mutation: {
        file: 'packages/runtime/src/process-signals.ts',
        from: 'process.exit(128 + constants.signals[signal]);',
        to: 'return;',
      },
    },
    {
      promise:
        'The health port says that a service drains, from the moment at which it is told to stop until it has ended.',
      test: {
        file: 'packages/runtime/src/health/service-health.test.ts',
        title: 'says at once that a service drains, until that is done',
      },
      mutation: {
        file: 'packages/runtime/src/service.ts',
        from: 'const report = await this.bus.close({ timeout: drainTimeoutMs });',
        to: 'await this.#health?.close();\n      const report = await this.bus.close({ timeout: drainTimeoutMs });',
      },
    },
    {
      promise: 'The health port answers before anything is subscribed: a start that waits for Redis says so.',
      test: {
        file: 'packages/runtime/src/health/service-health.test.ts',
        title: 'says that a service starts, before anything is subscribed',
      },
      mutation: {
        file: 'packages/runtime/src/service.ts',
        from: 'await this.#health?.listen({',
        to: "await this.bus.ready(anyEvent, { groups: [], timeout: '1h' });\n    await this.#health?.listen({",
      },
    },
    {
      promise: 'A counter does not go back when its subscription ends.',
      test: {
        file: 'packages/runtime/src/health/tally.test.ts',
        title: 'keeps the sum of what has ended, however often that happens',
      },
      mutation: {
        file: 'packages/runtime/src/health/tally.ts',
        from: 'row.ended = row.ended === undefined ? stats : (sumOf(row.ended, stats) as Stats);',
        to: 'row.ended = stats;',
      },
    },
    {
      promise: 'Wrong options and environment variables stop the start with one error that lists every mistake.',
      test: {
        file: 'packages/runtime/src/service-config.test.ts',
        title: 'lists every mistake of options and environment in one error',
      },
      mutation: {
        file: 'packages/runtime/src/service-config.ts',
        from: '.map((mistake) => `- ${mistake}`)',
        to: '.slice(1).map((mistake) => `- ${mistake}`)',
      },
    },
  ],
};
