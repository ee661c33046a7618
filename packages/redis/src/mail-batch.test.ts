import { randomUUID } from 'node:crypto';
import { startProxy, startRedis } from '@belfry/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { collectingLogger, range, sharedUrl, startTransport } from '../test/world.js';
import { mailChannel } from './names.js';

const admin = new Redis(sharedUrl);
afterAll(() => admin.disconnect());

const bodies = (count: number, from = 0) => range(count, from).map((n) => `{"n":${n}}`);

describe('sending to an inbox over Redis', () => {
  let address: string;
  beforeEach(() => {
    address = `shop:${randomUUID()}`;
  });
  const listen = async (transport = startTransport('shop', { url: sharedUrl })) => {
    const heard: string[] = [];
    const subscription = await transport.subscribe({ kind: 'inbox', address }, (body, { channel }) => {
      expect(channel).toBe(address);
      heard.push(body);
    });
    return { heard, subscription };
  };

  it('says whether anybody received it', async () => {
    const sender = startTransport('pricing', { url: sharedUrl });
    expect(await sender.send(address, '{}')).toBe(false);
    const { heard, subscription } = await listen();
    expect(await sender.send(address, '{"n":1}')).toBe(true);
    await vi.waitUntil(() => heard.length === 1);
    await subscription.end();
    expect(await sender.send(address, '{"n":2}')).toBe(false);
    expect(heard).toEqual(['{"n":1}']);
  });

  it('sends what one turn sends to one address as one message, a lone one as itself', async () => {
    const messages: string[] = [];
    const subscriber = new Redis(sharedUrl);
    subscriber.on('smessage', (_name: string, message: string) => messages.push(message));
    await subscriber.ssubscribe(mailChannel(address));
    const sender = startTransport('pricing', { url: sharedUrl });
    expect(await sender.send(address, 'a')).toBe(true);
    expect(await Promise.all([sender.send(address, 'b'), sender.send(address, 'c')])).toEqual([true, true]);
    await subscriber.ping();
    expect(messages).toEqual(['a', '\x1eb\n\x1ec\n']);
    subscriber.disconnect();
  });

  it('keeps the order, in one turn and over many', async () => {
    const { heard } = await listen();
    const sender = startTransport('pricing', { url: sharedUrl });
    const sent = bodies(700).map((body) => sender.send(address, body)); // more than one command takes
    await new Promise((resolve) => setImmediate(resolve));
    for (const body of bodies(20, 700)) {
      sent.push(sender.send(address, body));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(new Set(await Promise.all(sent))).toEqual(new Set([true]));
    await vi.waitUntil(() => heard.length === 720);
    expect(heard).toEqual(bodies(720));
  });

  it('waits while Redis is away, and delivers in order when it is back', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    const { heard } = await listen();
    const logger = collectingLogger();
    const sender = startTransport('pricing', { url: proxy.url }, logger);
    await sender.send(address, '{"n":0}');
    await proxy.refuse();
    await vi.waitUntil(() => logger.lines.some((line) => line.includes('Redis is away')));
    const first = bodies(5, 1).map((body) => sender.send(address, body));
    await new Promise((resolve) => setImmediate(resolve));
    const second = bodies(5, 6).map((body) => sender.send(address, body));
    await proxy.accept();
    expect(new Set(await Promise.all([...first, ...second]))).toEqual(new Set([true]));
    await vi.waitUntil(() => heard.length === 11);
    expect(heard).toEqual(bodies(11));
  });

  it('rejects as unavailable what could not be written within the bound, and as unconfirmed what was not answered', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    const { heard } = await listen();
    const sender = startTransport('pricing', { url: proxy.url, patience: 100 });
    await sender.send(address, '0');
    const cut = proxy.cutAfterRequest('unanswered');
    await expect(sender.send(address, 'unanswered')).rejects.toMatchObject({
      code: 'PUBLISH_UNCONFIRMED',
      message: expect.stringContaining(`a message to ${address} was written`),
    });
    await cut;
    await proxy.refuse();
    await expect(sender.send(address, 'unwritten')).rejects.toMatchObject({
      code: 'TRANSPORT_UNAVAILABLE',
      message: expect.stringContaining(`a message to ${address}, which was not delivered`),
    });
    await vi.waitUntil(() => heard.length === 2);
    expect(heard).toEqual(['0', 'unanswered']);
  });

  it('needs no script', async () => {
    await using redis = await startRedis({ fresh: true });
    const client = new Redis(redis.url);
    const { heard } = await listen(startTransport('shop', { url: redis.url, heartbeat: '1h' }));
    const sender = startTransport('pricing', { url: redis.url, heartbeat: '1h' });
    await sender.send(address, '1');
    await client.script('FLUSH');
    expect(await sender.send(address, '2')).toBe(true);
    await vi.waitUntil(() => heard.length === 2);
    expect(await client.info('commandstats')).not.toContain('cmdstat_evalsha');
    client.disconnect();
  });

  it('tells what Redis refused', async () => {
    await using redis = await startRedis({ fresh: true });
    const client = new Redis(redis.url);
    await client.call('ACL', 'SETUSER', 'reader', 'on', '>pw', '~*', '&*', '+@all', '-spublish');
    const sender = startTransport('pricing', { url: redis.url.replace('redis://', 'redis://reader:pw@') });
    await expect(sender.send(address, '1')).rejects.toMatchObject({
      code: 'PUBLISH_REFUSED',
      message: expect.stringMatching(new RegExp(`a message to ${address}: .*NOPERM`)),
    });
    client.disconnect();
  });

  it('is not received by a client that listens to everything', async () => {
    const tap = new Redis(sharedUrl);
    await tap.psubscribe(`*${address}*`); // no wider: others count who listens, too
    expect(await startTransport('pricing', { url: sharedUrl }).send(address, '1')).toBe(false);
    tap.disconnect();
  });

  it('has its inbox back after the connection was cut', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    const logger = collectingLogger();
    const { heard } = await listen(startTransport('shop', { url: proxy.url }, logger));
    proxy.cut();
    await vi.waitUntil(() => logger.lines.some((line) => line.includes('Redis is back')));
    expect(await startTransport('pricing', { url: sharedUrl }).send(address, '1')).toBe(true);
    await vi.waitUntil(() => heard.length === 1);
  });
});
