import { systemClock } from '@belfry/core';
import { startProxy, uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { describe, expect, it, vi } from 'vitest';
import { asking, collectingLogger, requestOf, sharedUrl, startTransport } from '../test/world.js';
import { mailChannel } from './names.js';

const NEVER = Number.NEGATIVE_INFINITY;

describe('resumedAt', () => {
  it('is never, until a connection has been lost and is back', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    await proxy.refuse();
    const logger = collectingLogger();
    const transport = startTransport('shop', { url: proxy.url }, logger);
    const asked = asking(transport, requestOf(uniqueNamespace(), 1));
    await vi.waitUntil(() => logger.lines.some((line) => line.includes('Redis is not to be reached')));
    expect(transport.resumedAt).toBe(NEVER);
    await proxy.accept();
    await asked;
    expect(transport.resumedAt).toBe(NEVER); // the first time is no coming back
  });

  it.each(['commands', 'subscriber'])('is when the %s were last interrupted; now, while they are', async (role) => {
    await using proxy = await startProxy({ url: sharedUrl });
    const admin = new Redis(sharedUrl);
    const logger = collectingLogger();
    const transport = startTransport('shop', { url: proxy.url }, logger);
    const address = uniqueNamespace();
    await transport.subscribe({ kind: 'inbox', address }, () => {});
    await asking(transport, requestOf(address, 1));
    expect(transport.resumedAt).toBe(NEVER);
    const lines = (text: string) => logger.lines.filter((line) => line.includes(text) && line.includes(role)).length;

    proxy.delay(50); // it must not be back before it has been looked at
    const from = systemClock.now();
    proxy.cut({ name: new RegExp(role) });
    await vi.waitUntil(() => lines('Redis is away') === 1, { interval: 1 });
    expect(lines('Redis is back')).toBe(0);
    const before = systemClock.now();
    expect(transport.resumedAt).toBeGreaterThanOrEqual(before);
    expect(transport.resumedAt).toBeLessThanOrEqual(systemClock.now());

    await vi.waitUntil(() => lines('Redis is back') === 1, { interval: 1 });
    const { resumedAt } = transport;
    expect(resumedAt).toBeGreaterThanOrEqual(from);
    expect(resumedAt).toBeLessThanOrEqual(systemClock.now());
    expect(Number(((await admin.pubsub('SHARDNUMSUB', mailChannel(address))) as unknown[])[1])).toBe(1);
    await vi.waitUntil(() => systemClock.now() > resumedAt);
    expect(transport.resumedAt).toBe(resumedAt); // it does not move on
    admin.disconnect();
  });
});
