import { inMemory, type Subject } from './kept-promise.js';

export const contracts: Subject = {
  title: 'Contracts, and JSON all the way',
  promises: [
    {
      promise: 'A schema whose input cannot travel as JSON, like a Date, does not compile.',
      test: { file: 'packages/contracts/src/contracts.test-d.ts', title: 'a Date cannot travel' },
      mutation: {
        file: 'packages/contracts/src/json.ts',
        from: 'export type JsonInput<T> = [JsonMistake<T>] extends [never] ? unknown : JsonMistake<T>;',
        to: 'export type JsonInput<T> = [T] extends [never] ? T : unknown;',
      },
    },
    {
      promise: 'The schema’s input travels, and the handler gets its output: it is asked once on each side.',
      test: inMemory('validation', 'checks once on each side: the input travels, the output is handled'),
      mutation: {
        file: 'packages/core/src/receiver.ts',
        from: 'if (validation.valid) return start(validation.value);',
        to: 'if (validation.valid) return start(envelope?.data);',
      },
    },
    {
      promise: 'The memory transport encodes too: what arrives has gone through JSON.',
      test: inMemory('data', 'carries every kind of JSON unharmed, alone and in a burst'),
      mutation: {
        file: 'packages/core/src/envelope.ts',
        from: '"data":${dataJson}}`;',
        to: '"data":${dataJson.replaceAll("\\\\u", "u")}}`;',
      },
    },
    {
      promise: 'What does not fit the schema is not published: PAYLOAD_INVALID.',
      test: inMemory('validation', 'does not publish what does not fit the schema: PAYLOAD_INVALID'),
      mutation: {
        file: 'packages/core/src/publication.ts',
        from: 'if (!validated.valid) return Promise.reject(invalid(',
        to: "if (!validated.valid && contract.kind === 'channel') return Promise.reject(invalid(",
      },
    },
    {
      promise: 'Publishes on one channel keep their order, although asynchronous schemas take their time.',
      test: inMemory('validation', 'keeps publish order when schemas take their time, mixed with quick ones'),
      mutation: {
        file: 'packages/core/src/publication.ts',
        from: 'if (before === undefined && !(validation instanceof Promise))',
        to: 'if (!(validation instanceof Promise))',
      },
    },
    {
      promise: 'A contract is a frozen value.',
      test: { file: 'packages/contracts/src/event.test.ts', title: 'returns a frozen value, with examples of its own' },
      mutation: {
        file: 'packages/contracts/src/event.ts',
        from: 'examples: Object.freeze([...examples]),',
        to: 'examples,',
      },
    },
    {
      promise: 'A contract with mistakes is refused with one error that lists them all.',
      test: { file: 'packages/contracts/src/event.test.ts', title: 'lists every mistake in one error' },
      mutation: {
        file: 'packages/contracts/src/event.ts',
        from: "cannot be defined: ${mistakes.join('; ')}.`",
        to: 'cannot be defined: ${mistakes[0]}.`',
      },
    },
    {
      promise: 'An error has a stable code, a message, and a hint that says how to mend it.',
      test: { file: 'packages/contracts/src/error.test.ts', title: 'says its code, what happened and how to mend it' },
      mutation: { file: 'packages/contracts/src/error.ts', from: '${message} ${hint}`', to: '${message}`' },
    },
    {
      promise: 'docs/errors.md explains every code.',
      test: { file: 'test/errors.test.ts', title: 'explains every code, in the order of the list, and no other' },
      mutation: {
        file: 'packages/contracts/src/error.ts',
        from: "  'CLAIM_LOST',",
        to: "  'CLAIM_LOST',\n  'CLAIM_MISLAID',",
      },
    },
    {
      promise: 'A duration is milliseconds or a number with a unit, everywhere the same.',
      test: { file: 'packages/contracts/src/duration.test.ts', title: '"12h" is 43200000 milliseconds' },
      mutation: { file: 'packages/contracts/src/duration.ts', from: 'h: 3_600_000', to: 'h: 360_000' },
    },
  ],
};
