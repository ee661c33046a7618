import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis } from '@belfry/testing';
import { createBus, defineEvent, redisTransport, silentLogger } from 'belfry';
import { expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { behindSentinels } from './sentinel.js';
import { overTls } from './tls.js';

const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ n: z.number() }) });

async function carries(transport: ReturnType<typeof redisTransport>): Promise<void> {
  await using bus = createBus({ name: 'billing', transport, logger: silentLogger });
  const noted: number[] = [];
  await bus.subscribe(OrderPlaced, ({ n }) => void noted.push(n));
  await bus.publish(OrderPlaced, { n: 1 });
  await vi.waitFor(() => expect(noted).toEqual([1]));
}

it('TLS, with a client certificate', async () => {
  await using redis = await startRedis({ tls: 'mutual' });
  const folder = await mkdtemp(join(tmpdir(), 'belfry-docs-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const { ca = '', clientCertificate } = redis;
  await writeFile(join(folder, 'ca.pem'), ca);
  await writeFile(join(folder, 'billing.pem'), clientCertificate?.cert ?? '');
  await writeFile(join(folder, 'billing-key.pem'), clientCertificate?.key ?? '');
  await carries(overTls(redis.url, folder));
});

it('Sentinels, by options and by URL', async () => {
  await using redis = await startRedis({ sentinel: true, config: { requirepass: 'secret' } });
  const sentinels = redis.sentinels.map(({ host, port }) => ({ host, port }));
  await carries(behindSentinels(sentinels, { redis: 'secret' }));
  await carries(redisTransport({ url: redis.url }));
});
