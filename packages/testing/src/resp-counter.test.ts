import { describe, expect, it } from 'vitest';
import { isReply, RespCounter, repliesTo } from './resp-counter.js';

function counted(...chunks: string[]): RespCounter {
  const counter = new RespCounter();
  for (const chunk of chunks) counter.read(Buffer.from(chunk, 'latin1'));
  return counter;
}

const messages: [what: string, bytes: string, count: number][] = [
  ['a status', '+OK\r\n', 1],
  ['a long error', `-ERR ${'x'.repeat(500)}\r\n`, 1],
  ['a number', ':42\r\n', 1],
  ['a bulk string with line ends in it', '$6\r\na\r\n+b\r\r\n', 1],
  ['an empty bulk string', '$0\r\n\r\n', 1],
  ['nulls', '$-1\r\n*-1\r\n_\r\n', 3],
  ['a request', '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n', 1],
  ['nested arrays', '*2\r\n*2\r\n:1\r\n*0\r\n$1\r\na\r\n', 1],
  ['a map and a set', '%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n~2\r\n:1\r\n:2\r\n', 2],
  ['a value with an attribute', '|1\r\n+ttl\r\n:10\r\n+OK\r\n', 1],
  ['a push', '>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n', 1],
  ['several answers', '+OK\r\n:1\r\n$2\r\nab\r\n', 3],
];

describe.each(messages)('%s', (_, bytes, count) => {
  it('is counted', () => {
    expect(counted(bytes)).toMatchObject({ count, isPartial: false, isLost: false });
  });

  it('is counted when it arrives byte by byte', () => {
    expect(counted(...bytes)).toMatchObject({ count, isPartial: false, isLost: false });
  });
});

it('knows that it is in the middle of a message', () => {
  const bytes = '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n';
  for (let cut = 1; cut < bytes.length; cut++) {
    expect(counted(bytes.slice(0, cut))).toMatchObject({ count: 0, isPartial: true });
  }
});

it('gives up at bytes that are not RESP', () => {
  expect(counted('+OK\r\n', 'PING\r\n', '+OK\r\n')).toMatchObject({ count: 1, isLost: true });
  expect(counted('$x\r\n')).toMatchObject({ isLost: true });
});

const array = (type: string, ...words: string[]) =>
  `${type}${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;

describe('requests', () => {
  it.each([
    ['GET', array('*', 'GET', 'subscribe'), 1],
    ['SUBSCRIBE to one', array('*', 'SUBSCRIBE', 'a'), 1],
    ['ssubscribe to three', array('*', 'ssubscribe', 'a', 'b', 'c'), 3],
    ['PUNSUBSCRIBE from all', array('*', 'PUNSUBSCRIBE'), 1],
  ])('%s gets so many replies', (_, bytes, replies) => {
    for (const chunks of [[bytes], [...bytes]]) {
      const counter = new RespCounter(repliesTo);
      for (const chunk of chunks) counter.read(Buffer.from(chunk));
      expect(counter.count).toBe(replies);
    }
  });
});

describe('what the server sends', () => {
  it.each([
    ['a message (RESP 2)', array('*', 'message', 'a', 'hello'), 0],
    ['a sharded message (RESP 3)', array('>', 'smessage', 'a', 'hello'), 0],
    ['an invalidation', array('>', 'invalidate', 'a'), 0],
    ['a confirmation (RESP 2)', array('*', 'subscribe', 'a', '1'), 1],
    ['a confirmation (RESP 3)', array('>', 'sunsubscribe', 'a', '0'), 1],
    ['a list', array('*', 'a', 'message'), 1],
    ['the word itself', '$7\r\nmessage\r\n', 1],
  ])('%s counts as so many replies', (_, bytes, replies) => {
    for (const chunks of [[bytes], [...bytes]]) {
      const counter = new RespCounter(isReply);
      for (const chunk of chunks) counter.read(Buffer.from(chunk));
      expect(counter.count).toBe(replies);
    }
  });
});
