import { describe, expect, it } from 'vitest';
import { ClientName } from './client-name.js';

/** A command as a client sends it. */
const command = (...words: string[]) =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;

function nameAfter(...chunks: string[]): string | undefined {
  const name = new ClientName();
  for (const chunk of chunks) name.read(Buffer.from(chunk));
  return name.current;
}

describe('the name of a connection', () => {
  it.each([
    ['CLIENT SETNAME', command('CLIENT', 'SETNAME', 'orders:sub')],
    ['client setname, in lower case', command('client', 'setname', 'orders:sub')],
    ['HELLO with SETNAME', command('HELLO', '3', 'AUTH', 'default', 'secret', 'SETNAME', 'orders:sub')],
    ['CLIENT SETNAME among others', command('INFO') + command('CLIENT', 'SETNAME', 'orders:sub') + command('GET', 'a')],
  ])('is learned from %s', (_, bytes) => {
    expect(nameAfter(bytes)).toBe('orders:sub');
  });

  it('is learned from a command that arrives byte by byte', () => {
    expect(nameAfter(...command('CLIENT', 'SETNAME', 'orders:sub'))).toBe('orders:sub');
  });

  it('is the latest one', () => {
    expect(nameAfter(command('CLIENT', 'SETNAME', 'one'), command('CLIENT', 'SETNAME', 'two'))).toBe('two');
  });

  it('is unknown before there is one, whatever else is said', () => {
    expect(nameAfter(command('CLIENT', 'ID'), command('SET', 'setname', 'one'), command('CLIENT', 'GETNAME'))).toBe(
      undefined,
    );
  });
});
