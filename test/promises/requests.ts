import { inMemory, overRedis, type Subject } from './kept-promise.js';

const exchange = 'packages/core/src/exchange.ts';
const handling = 'packages/core/src/request-handling.ts';

export const requests: Subject = {
  title: 'Requests',
  promises: [
    {
      promise: 'A request goes to one instance of the group that responds, by turns.',
      test: overRedis('requests', 'takes turns: one instance handles a request, and each has its share'),
      mutation: { file: 'packages/redis/src/outbox.ts', from: '(turn + batch.count) % 2 ** 48', to: 'turn' },
    },
    {
      promise: 'The answer comes to the private inbox of the instance that asked, and nobody else sees it.',
      test: inMemory('requests', 'shows an answer to nobody but the instance that asked'),
      mutation: {
        file: 'packages/core/src/mailbox.ts',
        from: 'return `${this.#options.namespace}:${source.slice(1)}`;',
        to: "return `${this.#options.namespace}:${source.slice(1).split('/')[0]}`;",
      },
    },
    {
      promise: 'Each of many concurrent requests gets its own answer.',
      test: inMemory('requests', 'gives each of a thousand concurrent requests of several callers its own answer'),
      mutation: {
        file: 'packages/core/src/requests.ts',
        from: 'this.#pending.get(letter.request)',
        to: '[...this.#pending.values()][0]',
      },
    },
    {
      promise: 'When nobody responds, a request fails at once: NO_RESPONDERS.',
      test: inMemory('responders', 'fails at once when nobody responds: NO_RESPONDERS'),
      mutation: {
        file: exchange,
        from: 'clock.now() - transport.resumedAt >= RECOVERY',
        to: 'clock.now() - this.since >= RECOVERY',
      },
    },
    {
      promise: 'Within 2 s of an interruption of the caller’s own connection it tries again before it says so.',
      test: {
        file: 'packages/core/src/exchange.test.ts',
        title: 'is asked every 100 ms until 2 s after the own connection came back, and then ends',
      },
      mutation: { file: exchange, from: 'const RECOVERY = 2000;', to: 'const RECOVERY = 1000;' },
    },
    {
      promise: 'A request has a timeout, also when nobody said one.',
      test: { file: 'packages/contracts/src/request.test.ts', title: 'fills in what is left out' },
      mutation: {
        file: 'packages/contracts/src/request.ts',
        from: 'timeout = DEFAULT_TIMEOUT,',
        to: "timeout = '1d',",
      },
    },
    {
      promise: 'When no answer comes in time it fails with REQUEST_TIMEOUT, which names contract, time and instance.',
      test: inMemory(
        'request-deadlines',
        'fails when no answer comes in time: REQUEST_TIMEOUT names contract, time and instance',
      ),
      mutation: { file: exchange, from: '` by ${this.#asked.slice(1)}`', to: "''" },
    },
    {
      promise: 'The time that is left travels with a request, as a duration.',
      test: {
        file: 'packages/core/src/exchange.test.ts',
        title: 'that is left when it is written travels, and nothing is written when none is',
      },
      mutation: { file: exchange, from: 'Math.max(1, Math.floor(rest))', to: 'this.#question.timeout' },
    },
    {
      promise: 'At the deadline the handler’s signal aborts.',
      test: inMemory('request-deadlines', 'aborts the signal of a handler at the deadline'),
      mutation: {
        file: 'packages/core/src/deadline.ts',
        from: 'Math.max(0, this.#at - this.#clock.now()),',
        to: '60_000,',
      },
    },
    {
      promise: 'Nested requests have no more time than is left of the outer one.',
      test: inMemory('request-deadlines', 'gives nested requests no more time than is left of the outer one'),
      mutation: {
        file: 'packages/core/src/ask-options.ts',
        from: 'Math.min(own, deadline.getTime() - dateOn(clock))',
        to: 'own',
      },
    },
    {
      promise: 'An abort of the caller ends its request, and reaches the handler’s signal.',
      test: inMemory(
        'request-aborts',
        'ends a request that its caller aborts: REQUEST_ABORTED with the cause, and aborts the handler',
      ),
      mutation: { file: exchange, from: "    this.tell('cancel');\n    return true;", to: '    return true;' },
    },
    {
      promise: 'An abort ends nested requests too, and their handlers with them.',
      test: inMemory(
        'request-aborts',
        'ends nested requests when the outer one is aborted, and their handlers with them',
      ),
      mutation: {
        file: 'packages/core/src/ask-options.ts',
        from: 'const around = currentContext()?.signal;',
        to: 'const around = undefined;',
      },
    },
    {
      promise: 'A caller that has died is noticed, and its handler’s signal aborts.',
      test: {
        file: 'packages/redis/test/requests.faults.test.ts',
        title: 'aborts the handler when its caller has been killed',
        config: 'faults',
      },
      mutation: {
        file: 'packages/core/src/answer.ts',
        from: 'const SECONDS_AWAY = 2;',
        to: 'const SECONDS_AWAY = 2000;',
      },
    },
    {
      promise: 'An error that the contract declares reaches the caller with its data.',
      test: inMemory('request-errors', 'gives the caller the declared error that a handler throws, with its data'),
      mutation: { file: handling, from: 'return { code, data };', to: 'return { code };' },
    },
    {
      promise:
        'Declared errors are typed on the caller’s side: a code that the contract does not declare does not compile.',
      test: { file: 'packages/contracts/src/request.test-d.ts', title: 'no such code to look for' },
      mutation: { file: 'packages/contracts/src/request.ts', from: 'code?: Code,', to: 'code?: string,' },
    },
    {
      promise: 'Any other error becomes HANDLER_FAILED, and nothing of it reaches the caller but an id for the log.',
      test: inMemory('request-errors', 'hides what a handler throws: HANDLER_FAILED, whose errorId stands in the log'),
      mutation: {
        file: handling,
        from: 'const detail = exposeErrors ?',
        to: 'const detail = exposeErrors !== undefined ?',
      },
    },
    {
      promise: 'A handler may be an async generator: the caller iterates over its values, in order and complete.',
      test: inMemory('request-streams', 'streams the values of a generator, in order, and ends'),
      mutation: {
        file: 'packages/core/src/answer-stream.ts',
        from: 'return this.#unsent.splice(0, count);',
        to: 'return this.#unsent.splice(0, count).reverse();',
      },
    },
    {
      promise: 'A slow caller holds the generator back.',
      test: inMemory('request-streams', 'holds the generator back while the caller is slow'),
      mutation: {
        file: 'packages/core/src/answer-stream.ts',
        from: 'return this.#pulled < this.#credit &&',
        to: 'return',
      },
    },
    {
      promise: 'A caller that leaves the loop stops the generator, which runs its finally.',
      test: inMemory(
        'request-streams',
        "runs the generator's finally when the caller leaves the loop while the generator has no credit",
      ),
      mutation: { file: 'packages/core/src/answer.ts', from: 'this.#stream?.stop();', to: '' },
    },
    {
      promise: 'A generator that waits for something else at that moment is told by its signal.',
      test: inMemory(
        'request-streams',
        'tells a generator that waits for something else when the caller leaves the loop',
      ),
      mutation: { file: 'packages/core/src/answer.ts', from: 'this.deadline.abort(reason);', to: '' },
    },
    {
      promise: 'A second service that responds to the same request is refused: DUPLICATE_RESPONDER.',
      test: inMemory('responders', 'refuses a second service that responds to a request: DUPLICATE_RESPONDER'),
      mutation: {
        file: 'packages/core/src/rivals.ts',
        from: 'if (rivals.length === 0) return;',
        to: 'if (rivals.length >= 0) return;',
      },
    },
  ],
};
