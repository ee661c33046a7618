import { startRedis } from '@belfry/testing';
import { expect, it } from 'vitest';
import { resolveRedisOptions } from './options.js';

it('a socket may have a second error, as when TLS is given up within its handshake', async () => {
  await using redis = await startRedis();
  const client = resolveRedisOptions({ url: redis.url }).connect('test');
  const told: string[] = [];
  client.on('error', ({ message }) => told.push(message));
  await client.connect();
  const { stream } = client;
  for (const message of ['self-signed certificate', 'alert decode error']) stream.emit('error', new Error(message));
  expect(told).toEqual(['self-signed certificate']);
  client.disconnect();
});
