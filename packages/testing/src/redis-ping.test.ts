import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from './free-port.js';
import { type Address, addressOf, pingRedis, redisProcessId, waitUntilReady } from './redis-ping.js';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server that gives these answers, one to each connection, the last one to all that follow. */
async function answering(...answers: string[]): Promise<Address> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.write((answers.length > 1 ? answers.shift() : answers[0]) ?? ''));
  });
  const address = { host: '127.0.0.1', port: await freePort() };
  await once(server.listen(address.port, address.host), 'listening');
  closing.push(() => server.close());
  return address;
}

describe('pingRedis', () => {
  it.each([
    ['+PONG\r\n', 'ready'],
    ['-NOAUTH Authentication required.\r\n', 'ready'],
    ['-LOADING Redis is loading the dataset in memory\r\n', 'loading'],
    ['HTTP/1.1 400 Bad Request\r\n', 'silent'],
    ['+PON', 'silent'],
  ])('takes %j for %s', async (answer, pulse) => {
    expect(await pingRedis(await answering(answer), 100)).toBe(pulse);
  });

  it('finds a closed port silent', async () => {
    expect(await pingRedis({ host: '127.0.0.1', port: await freePort() })).toBe('silent');
  });
});

describe('waitUntilReady', () => {
  it('waits while the server is loading', async () => {
    const address = await answering('-LOADING\r\n', '-LOADING\r\n', '+PONG\r\n');
    expect(await waitUntilReady(address, 5000)).toBe(true);
  });

  it('ends when the time is over, and when the server has failed', async () => {
    const address = await answering('-LOADING\r\n');
    expect(await waitUntilReady(address, 50)).toBe(false);
    expect(await waitUntilReady(address, 5000, () => true)).toBe(false);
  });
});

it('reads the process id that a server tells, if it tells any', async () => {
  expect(await redisProcessId(await answering('$30\r\n# Server\r\nprocess_id:4711\r\nx:y\r\n'))).toBe(4711);
  expect(await redisProcessId(await answering('-NOAUTH Authentication required.\r\n'))).toBeUndefined();
});

it.each([
  ['redis://localhost', { host: 'localhost', port: 6379 }],
  ['redis://user:secret@10.0.0.1:7000/2', { host: '10.0.0.1', port: 7000 }],
  ['rediss://[::1]:7000', { host: '::1', port: 7000 }],
])('finds the address in %s', (url, address) => {
  expect(addressOf(url)).toEqual(address);
});
