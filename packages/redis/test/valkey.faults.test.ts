import { describeTransport } from '@belfry/core/conformance';
import { type RedisServer, startRedis } from '@belfry/testing';
import { afterAll, it } from 'vitest';
import { redisTransport } from '../src/index.js';

/** Or why there is none. */
const valkey: RedisServer | string = await startRedis({ program: 'valkey-server' }).catch((error: Error) => {
  if (error.message.startsWith('no valkey-server')) return error.message;
  throw error;
});

if (typeof valkey === 'string') it('the redis transport on valkey-server', ({ skip }) => skip(valkey));
else {
  describeTransport('redis, on valkey-server,', { create: () => redisTransport({ url: valkey.url }) });
  afterAll(() => valkey.stop());
}
