import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { EventStreams, type EventStreamsOptions } from './event-streams.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Streams behind a real server. */
async function serve(options: Partial<EventStreamsOptions> = {}) {
  const streams = new EventStreams({ snapshot: () => ({ name: 'snapshot', data: 'all' }), ...options });
  const server = createServer((_, response) => {
    if (!streams.open(response)) response.writeHead(503).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    streams.close();
    server.closeAllConnections();
    server.close();
  });
  return { streams, port: (server.address() as AddressInfo).port };
}

/** One that listens, and takes nothing while it is paused. */
class Browser {
  text = '';
  ended = false;

  constructor(readonly response: IncomingMessage) {
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      this.text += text;
    });
    response.on('close', () => {
      this.ended = true;
    });
    response.on('error', () => {});
  }

  static async open(port: number): Promise<Browser> {
    const request = get({ port, host: '127.0.0.1', agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    cleanups.push(() => response.destroy());
    return new Browser(response);
  }

  async hears(text: string): Promise<void> {
    await vi.waitUntil(() => this.text.includes(text), { timeout: 10_000, interval: 2 });
  }
}

describe('event streams', () => {
  it('begin with everything, and go on with what comes', async () => {
    const { streams, port } = await serve({ retryMs: 1234 });
    const early = await Browser.open(port);
    await early.hears('event: snapshot\ndata: "all"\n\n');
    expect(early.text).toMatch(/^retry: 1234\nid: 0\n/);
    expect(early.response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
    });
    streams.send({ name: 'update', data: { text: 'two\nlines' } });
    await early.hears('id: 1\nevent: update\ndata: {"text":"two\\nlines"}\n\n');
    const late = await Browser.open(port);
    await late.hears('id: 1\nevent: snapshot');
    expect(late.text).not.toContain('update');
  });

  it('forget who has gone', async () => {
    const { streams, port } = await serve();
    const browser = await Browser.open(port);
    expect(streams.size).toBe(1);
    browser.response.destroy();
    await vi.waitUntil(() => streams.size === 0);
    streams.send({ name: 'update', data: 1 });
  });

  it('are so many, and no more', async () => {
    const { port } = await serve({ maxStreams: 1 });
    expect((await Browser.open(port)).response.statusCode).toBe(200);
    expect((await Browser.open(port)).response.statusCode).toBe(503);
  });

  it('show with a comment that they live', async () => {
    const { port } = await serve({ heartbeatMs: 20 });
    await (await Browser.open(port)).hears('\n\n: heartbeat\n\n: heartbeat\n\n');
  });

  it('pile nothing up for who is too slow, and give it everything once it has caught up', async () => {
    const { streams, port } = await serve();
    const [slow, quick] = [await Browser.open(port), await Browser.open(port)];
    await slow.hears('snapshot');
    slow.response.pause();
    const data = 'x'.repeat(400_000);
    const sent = 100; // 40 MB: more than any socket takes
    const before = process.memoryUsage().arrayBuffers;
    for (let count = 1; count <= sent; count += 1) {
      streams.send({ name: 'update', data });
      await quick.hears(`id: ${count}\n`);
      quick.text = '';
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(25_000_000);
    slow.response.resume();
    await slow.hears(`id: ${sent}\nevent: snapshot\ndata: "all"\n\n`);
    const updates = slow.text.match(/event: update/g)!.length;
    expect(updates).toBeGreaterThan(0);
    expect(updates).toBeLessThan(sent / 2);
    streams.send({ name: 'update', data: 'goes on' });
    await slow.hears('goes on');
  });

  it('let go who takes nothing any more', async () => {
    const { streams, port } = await serve({ heartbeatMs: 20, stallMs: 100 });
    const browser = await Browser.open(port);
    await browser.hears('snapshot');
    browser.response.pause();
    await vi.waitUntil(
      () => {
        streams.send({ name: 'update', data: 'x'.repeat(1_000_000) });
        return streams.size === 0;
      },
      { timeout: 10_000 },
    );
  });

  it('end when they are closed, and open no more', async () => {
    const { streams, port } = await serve();
    const browser = await Browser.open(port);
    streams.close();
    await vi.waitUntil(() => browser.ended);
    expect((await Browser.open(port)).response.statusCode).toBe(503);
  });
});
