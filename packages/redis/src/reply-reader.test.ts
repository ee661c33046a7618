import { Random } from '@belfry/core/random';
import { expect, it, onTestFinished, vi } from 'vitest';
import { ReplyReader } from './reply-reader.js';

const KIBIBYTE = 1024;
const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
const array = (...values: string[]): string => `*${values.length}\r\n${values.join('')}`;
const message = (payload: string): string => array(bulk('smessage'), bulk('belfry:{orders.placed}:all'), bulk(payload));

/** Everything that Redis says in RESP 2, and what looks like it within a text. */
const kinds = [
  '+OK\r\n',
  '-ERR max number of clients reached\r\n',
  ':-42\r\n',
  '$-1\r\n',
  '*-1\r\n',
  '*0\r\n',
  bulk(''),
  bulk('+OK\r\n*3\r\n$5\r'),
  array(':1\r\n', array(), array('+a\r\n', '$-1\r\n', array(bulk('b'), '*-1\r\n')), '-no\r\n'),
  message('{"n":1}'),
  message('ø–🔔'.repeat(KIBIBYTE)),
];

/** Reads text in pieces of such lengths. Returns what was handed over, each copied in time. */
function read(text: string | Buffer, nextLength: () => number, reader = new ReplyReader()): Buffer[] {
  const bytes = Buffer.from(text);
  const taken: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const copied = bytes.copy(reader.room, 0, at, at + nextLength());
    at += copied;
    reader.arrived(copied, (whole) => taken.push(Buffer.from(whole)));
  }
  return taken;
}

const notEmpty = (whole: { length: number }): boolean => whole.length > 0;

it.each(Array.from({ length: 24 }, (_, seed) => seed))(
  'hands over all of it, and only whole replies, seed %i',
  (seed) => {
    const random = new Random(seed);
    const said = Array.from({ length: 100 }, () => kinds[random.below(kinds.length)]!);
    const longest = [1, 7, 500, 20_000][seed % 4]!;
    const taken = read(said.join(''), () => 1 + random.below(longest))
      .filter(notEmpty)
      .map(String);
    expect(taken.join('')).toBe(said.join(''));
    let next = 0;
    for (const whole of taken) {
      let rest = whole;
      while (next < said.length && rest.startsWith(said[next]!)) rest = rest.slice(said[next++]!.length);
      expect(rest).toBe('');
    }
  },
);

it('has room for a reply of any size, and is small again after a very large one', () => {
  const reader = new ReplyReader();
  for (const size of [1, 300, 5000]) {
    const large = message('x'.repeat(size * KIBIBYTE));
    const taken = read(`:1\r\n${large}`, () => 64 * KIBIBYTE, reader);
    expect(taken.join('')).toBe(`:1\r\n${large}`);
    expect(taken.filter(notEmpty).length).toBe(size === 1 ? 1 : 2);
  }
  expect(reader.room.length).toBe(256 * KIBIBYTE);
});

it('leaves it to the decoder to say that something is no RESP 2', () => {
  const first = read('+OK\r\nHTTP/1.1 400 Bad Request\r\n', () => 12);
  expect(first.map(String)).toEqual(['+OK\r\nHTTP/1.', '1 400 Bad Re', 'quest\r\n']);
  // The decoder may keep what it does not understand, so it must stay as it is.
  const reader = new ReplyReader();
  const kept: Buffer[] = [];
  for (const text of ['%2\r\n+a\r\n', 'xxxx']) {
    reader.arrived(reader.room.write(text), (whole) => kept.push(whole));
  }
  expect(kept.map(String)).toEqual(['%2\r\n+a\r\n', 'xxxx']);
});

it.each(Array.from({ length: 24 }, (_, seed) => seed))('hears messages between replies, in order, seed %i', (seed) => {
  const random = new Random(seed);
  const reader = new ReplyReader();
  const expected: string[] = [];
  let text = '';
  for (let n = 0; n < 100; n++) {
    const kind = random.below(5);
    if (kind === 0) {
      const reply = kinds[random.below(9)]!;
      text += reply;
      expected.push(reply);
    } else {
      const name = `orders.${'ø'.repeat(random.below(3))}`;
      const [type = '', ...names] =
        kind === 1 ? ['pmessage', 'orders.*', name] : [kind === 2 ? 'message' : 'smessage', name];
      const payload = kinds[random.below(kinds.length)]!.repeat(random.below(4));
      text += array(...[type, ...names, payload].map(bulk));
      expected.push(JSON.stringify([type, names, payload]));
    }
  }
  const seen: string[] = [];
  reader.hear = (...message) => seen.push(JSON.stringify(message));
  const bytes = Buffer.from(text);
  const longest = [1, 7, 500, 20_000][seed % 4]!;
  for (let at = 0; at < bytes.length; ) {
    const copied = bytes.copy(reader.room, 0, at, at + 1 + random.below(longest));
    at += copied;
    reader.arrived(copied, (whole) => seen.push(String(whole)));
  }
  expect(seen.join('')).toBe(expected.join(''));
});

it.each([
  ['has no text', '*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$-1\r\n'],
  ['has several texts', '*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n'],
  ['is of another kind', array(bulk('subscribe'), bulk('a'), ':1\r\n')],
  ['has too many values', array(bulk('message'), bulk('a'), bulk('b'), bulk('c'))],
  ['has too few', array(bulk('pmessage'), bulk('a'), bulk('b'))],
])('leaves what %s to the decoder', (_, text) => {
  const reader = new ReplyReader();
  reader.hear = () => expect.unreachable();
  expect(
    read(text, () => 3, reader)
      .filter(notEmpty)
      .map(String),
  ).toEqual([text]);
});

it('tells of everything that comes, as a sign of life', () => {
  const reader = new ReplyReader();
  reader.hear = () => {};
  expect(read(`${message('a')}$3\r\nab`, () => 10, reader)).toHaveLength(7);
});

it('goes on behind what makes somebody throw, which is thrown outside of the reading', () => {
  const later = vi.spyOn(globalThis, 'queueMicrotask').mockReturnValue();
  onTestFinished(() => later.mockRestore());
  const reader = new ReplyReader();
  const heard: string[] = [];
  const fail = (text: string) => {
    heard.push(text);
    throw new Error(`no ${heard.length}`);
  };
  reader.hear = (_, __, text) => fail(text);
  reader.arrived(reader.room.write(`+a\r\n${message('b')}${message('c')}+d\r\n`), (replies) => fail(String(replies)));
  expect(heard).toEqual(['+a\r\n', 'b', 'c', '+d\r\n']);
  const thrown = later.mock.calls.map(([callback]) => callback);
  expect(thrown).toHaveLength(4);
  for (const [at, callback] of thrown.entries()) expect(callback).toThrow(`no ${at + 1}`);
});
