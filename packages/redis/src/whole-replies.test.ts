import { Random } from '@belfry/core/random';
import { expect, it } from 'vitest';
import { WholeReplies } from './whole-replies.js';

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
function read(text: string | Buffer, nextLength: () => number, replies = new WholeReplies()): Buffer[] {
  const bytes = Buffer.from(text);
  const taken: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const copied = bytes.copy(replies.room, 0, at, at + nextLength());
    at += copied;
    replies.arrived(copied, (whole) => taken.push(Buffer.from(whole)));
  }
  return taken;
}

it.each(Array.from({ length: 40 }, (_, seed) => seed))(
  'hands over all of it, and only whole replies, seed %i',
  (seed) => {
    const random = new Random(seed);
    const said = Array.from({ length: 300 }, () => kinds[random.below(kinds.length)]!);
    const longest = [1, 7, 500, 20_000][seed % 4]!;
    const taken = read(said.join(''), () => 1 + random.below(longest)).map(String);
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
  const replies = new WholeReplies();
  for (const size of [1, 300, 5000]) {
    const large = message('x'.repeat(size * KIBIBYTE));
    const taken = read(`:1\r\n${large}`, () => 64 * KIBIBYTE, replies);
    expect(taken.join('')).toBe(`:1\r\n${large}`);
    expect(taken.length).toBe(size === 1 ? 1 : 2);
  }
  expect(replies.room.length).toBe(256 * KIBIBYTE);
});

it('leaves it to the decoder to say that something is no RESP 2', () => {
  const first = read('+OK\r\nHTTP/1.1 400 Bad Request\r\n', () => 12);
  expect(first.map(String)).toEqual(['+OK\r\nHTTP/1.', '1 400 Bad Re', 'quest\r\n']);
  // The decoder may keep what it does not understand, so it must stay as it is.
  const replies = new WholeReplies();
  const kept: Buffer[] = [];
  for (const text of ['%2\r\n+a\r\n', 'xxxx']) {
    replies.arrived(replies.room.write(text), (whole) => kept.push(whole));
  }
  expect(kept.map(String)).toEqual(['%2\r\n+a\r\n', 'xxxx']);
});

it('goes on behind what was handed over, also when that throws', () => {
  const replies = new WholeReplies();
  const take = () => {
    throw new Error('no');
  };
  expect(() => replies.arrived(replies.room.write('+one\r\n+tw'), take)).toThrow('no');
  expect(read('o\r\n', () => 3, replies).map(String)).toEqual(['+two\r\n']);
});
