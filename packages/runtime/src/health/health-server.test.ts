import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import type { BelfryError } from '@belfry/contracts';
import { afterEach, describe, expect, it } from 'vitest';
import { HealthServer, type HealthServerOptions } from './health-server.js';

let lines: string[] = [];
const running: HealthServer[] = [];
afterEach(async () => {
  lines = [];
  for (const server of running.splice(0)) await server.close();
});

const serverOf = (options: Partial<HealthServerOptions> = {}): HealthServer => {
  const log = (fields: object | string, message?: string) => void lines.push(message ?? String(fields));
  const server = new HealthServer({
    service: 'billing',
    port: 0,
    host: '127.0.0.1',
    notReady: () => undefined,
    metrics: async () => 'belfry_ready 1\n',
    logger: { debug: log, info: log, warn: log, error: log },
    ...options,
  });
  running.push(server);
  return server;
};

async function listening(options: Partial<HealthServerOptions> = {}): Promise<string> {
  const server = serverOf(options);
  await server.listen();
  return server.url as string;
}

describe('the health port', () => {
  it('says that the process lives, and whether the service is ready', async () => {
    let reason: string | undefined = 'starting';
    const url = await listening({ notReady: () => reason });
    const ask = async (path: string) => {
      const response = await fetch(url + path);
      return [response.status, await response.json()];
    };
    expect(await ask('/health/live')).toEqual([200, { status: 'live', service: 'billing' }]);
    expect(await ask('/health/ready')).toEqual([503, { status: 'not ready', reason: 'starting', service: 'billing' }]);
    reason = undefined;
    expect(await ask('/health/ready?verbose')).toEqual([200, { status: 'ready', service: 'billing' }]);
    reason = 'draining';
    expect(await ask('/health/ready')).toEqual([503, { status: 'not ready', reason: 'draining', service: 'billing' }]);
    expect(await ask('/health/live')).toEqual([200, { status: 'live', service: 'billing' }]);
  });

  it('serves metrics as Prometheus reads them', async () => {
    const response = await fetch(`${await listening()}/metrics`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.text()).toBe('belfry_ready 1\n');
  });

  it('answers HEAD without a body, and refuses everything else', async () => {
    const url = await listening();
    const head = await fetch(`${url}/metrics`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '15', '']);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const response = await fetch(`${url}/health/live`, { method, ...(method === 'POST' ? { body: 'secret' } : {}) });
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
      expect(await response.text()).not.toContain('secret');
    }
    for (const path of ['/', '/health', '/health/ready/', '/metrics/secret', '/%2e%2e/secret']) {
      const response = await fetch(url + path);
      expect(response.status).toBe(404);
      expect(await response.text()).not.toContain('secret');
    }
  });

  it('says in the log, and not to the outside, why a page failed', async () => {
    const url = await listening({ metrics: () => Promise.reject(new Error('secret')) });
    const response = await fetch(`${url}/metrics`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('secret');
    expect(lines).toEqual(['A page of the health port of billing failed.']);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
  });

  it('closes although a connection is open, and may be opened again by another', async () => {
    const server = serverOf();
    await server.listen();
    const { port } = new URL(server.url as string);
    const idle = connect(Number(port), '127.0.0.1').on('error', () => {});
    await once(idle, 'connect');
    const ended = once(idle, 'close');
    await server.close();
    await ended;
    expect(server.url).toBeUndefined();
    await server.close();
    await serverOf({ port: Number(port) }).listen();
  });

  it('closes when it has not begun to listen, or only begins to', async () => {
    await serverOf().close();
    const server = serverOf();
    const opening = server.listen();
    await server.close();
    await opening;
    expect(server.url).toBeUndefined();
  });

  it('listens everywhere unless told otherwise, and says so as localhost', async () => {
    const server = serverOf({ host: undefined });
    await server.listen();
    expect(server.url).toMatch(/^http:\/\/localhost:\d+$/);
    expect((await fetch(`${server.url?.replace('localhost', '127.0.0.1')}/health/live`)).status).toBe(200);
  });

  it('says in one error that the port is in use, and what to do', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const error = await serverOf({ port })
      .listen()
      .catch((reason: unknown) => reason as BelfryError);
    expect(error).toMatchObject({
      code: 'HEALTH_PORT_UNAVAILABLE',
      message: expect.stringContaining(`billing cannot serve its health at port ${port} of 127.0.0.1: it is in use.`),
      hint: expect.stringContaining('health: false'),
    });
    expect(error?.cause).toMatchObject({ code: 'EADDRINUSE' });
    other.close();
  });

  it('says when the host is none of its own', async () => {
    await expect(serverOf({ host: '192.0.2.1' }).listen()).rejects.toMatchObject({
      code: 'HEALTH_PORT_UNAVAILABLE',
      message: expect.stringContaining('the host is no address of this machine'),
    });
  });
});
