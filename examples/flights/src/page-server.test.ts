import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventStreams } from './event-streams.js';
import { PageServer } from './page-server.js';
import { MAP } from './projection.js';

const anywhere = { port: 0, host: '127.0.0.1' };
let server: PageServer;
let url = '';
beforeEach(async () => {
  server = new PageServer(new EventStreams({ snapshot: () => ({ name: 'snapshot', data: 'all' }), maxStreams: 1 }));
  url = await server.listen(anywhere);
});
afterEach(() => server.close().catch(() => {}));

const ask = (path: string, init?: RequestInit) => fetch(new URL(path, url), init);

describe("the page's server", () => {
  it.each([
    ['/', 'text/html; charset=utf-8'],
    ['/?utm_source=x', 'text/html; charset=utf-8'],
    ['/board.css', 'text/css; charset=utf-8'],
    ['/board.js', 'text/javascript; charset=utf-8'],
    ['/icon.svg', 'image/svg+xml; charset=utf-8'],
  ])('serves %s', async (path, type) => {
    const response = await ask(path);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe(type);
    expect((await response.arrayBuffer()).byteLength).toBe(Number(response.headers.get('content-length')));
    const etag = response.headers.get('etag')!;
    const again = await ask(path, { headers: { 'if-none-match': etag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
    const head = await ask(path, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('puts the land on the page, in the size of the map', async () => {
    const page = await (await ask('/')).text();
    expect(page).toContain(`viewBox="0 0 ${MAP.width} ${MAP.height}"`);
    expect(page).toMatch(/<path class="land" d="(M\d+ \d+h0){3000,}"\/>/);
  });

  it('lets the page load nothing from elsewhere, and nothing inline', async () => {
    const page = await (await ask('/')).text();
    expect(page).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|(?:src|href)="(?:https?:)?\/\//);
    for (const path of ['/', '/board.js', '/events', '/nothing']) {
      const response = await ask(path);
      await response.body?.cancel();
      expect(response.headers.get('content-security-policy'), path).toContain("default-src 'none'; script-src 'self'");
      expect(response.headers.get('x-content-type-options'), path).toBe('nosniff');
      expect(response.headers.get('referrer-policy'), path).toBe('no-referrer');
    }
  });

  it('serves nothing else', async () => {
    for (const path of ['/nothing', '/../package.json', '/%2e%2e/package.json', '//board.js', '/__proto__'])
      expect((await ask(`${url.slice(0, -1)}${path}`)).status, path).toBe(404);
    const post = await ask('/', { method: 'POST', body: 'x' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('streams events, and says so when there are too many who want them', async () => {
    expect((await ask('/events', { method: 'HEAD' })).headers.get('content-type')).toContain('text/event-stream');
    const first = await ask('/events');
    const second = await ask('/events');
    expect([second.status, second.headers.get('retry-after')]).toEqual([503, '5']);
    const closed = server.close();
    expect(await first.text()).toContain('event: snapshot\ndata: "all"\n\n'); // and then it ends
    await closed;
    await expect(ask('/')).rejects.toThrow();
  });

  it('says which port it cannot have', async () => {
    const { port } = new URL(url);
    const other = new PageServer(new EventStreams({ snapshot: () => ({ name: 'snapshot', data: 1 }) }));
    await expect(other.listen({ port: Number(port), host: '127.0.0.1' })).rejects.toThrow(
      `the board's page cannot be served at 127.0.0.1, port ${port}: listen EADDRINUSE`,
    );
  });

  it('closes though somebody holds a connection open', async () => {
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1').on('error', () => {});
    await once(socket, 'connect');
    socket.write('GET / HTTP/1.1\r\n'); // and no more
    await server.close();
    socket.destroy();
  });
});
