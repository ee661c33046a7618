import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EventStreams } from './event-streams.js';
import { landPath } from './land.js';
import { readAirports } from './records.js';

/** Where the page is served. */
export interface PageAddress {
  /** 0: any that is free. */
  readonly port: number;
  readonly host: string;
}

interface Asset {
  readonly type: string;
  readonly body: Buffer;
  readonly etag: string;
}

/** Nothing from elsewhere, nothing inline, in nobody's frame; and no script can turn a text into HTML. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const headers = {
  'content-security-policy': contentSecurityPolicy,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

const MAX_CONNECTIONS = 500;
/** What a browser has to take the end of its stream, when the page closes. */
const FAREWELL_MS = 500;

/** Serves the files of `page/`, and the events that change them. */
export class PageServer {
  readonly #assets = readAssets();
  readonly #server: Server;

  constructor(private readonly streams: EventStreams) {
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** @returns the page's URL */
  async listen({ port, host }: PageAddress): Promise<string> {
    this.#server.listen(port, host);
    try {
      await once(this.#server, 'listening');
    } catch (error) {
      throw new Error(`the board's page cannot be served at ${host}, port ${port}: ${(error as Error).message}`);
    }
    const { port: bound } = this.#server.address() as AddressInfo;
    return `http://${host.includes(':') ? `[${host}]` : host}:${bound}/`;
  }

  /** Ends the streams, and finishes what is being answered. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.streams.close();
    const farewell = setTimeout(() => this.#server.closeAllConnections(), FAREWELL_MS);
    await closed;
    clearTimeout(farewell);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const path = request.url?.split('?', 1)[0] ?? '';
    const asset = this.#assets.get(path);
    if (asset === undefined && path !== '/events') refuse(response, 404, 'There is nothing here.');
    else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      refuse(response, 405, 'This can only be read.');
    } else if (asset !== undefined) send(asset, request, response);
    else this.#stream(request, response);
  }

  #stream(request: IncomingMessage, response: ServerResponse): void {
    if (request.method === 'HEAD') {
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' }).end();
    } else if (!this.streams.open(response)) {
      response.setHeader('retry-after', '5');
      refuse(response, 503, 'Too many are looking at the board.');
    }
  }
}

function send({ type, body, etag }: Asset, request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('etag', etag);
  response.setHeader('cache-control', 'no-cache'); // asked for each time, and sent when it has changed
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(200, { 'content-type': type, 'content-length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function refuse(response: ServerResponse, status: number, reason: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  response.end(`${reason}\n`);
}

/** By path. A few files, in memory. */
function readAssets(): ReadonlyMap<string, Asset> {
  const read = (file: string): string => readFileSync(new URL(`../page/${file}`, import.meta.url), 'utf8');
  const page = read('index.html').replace('{{land}}', landPath(readAirports().values()));
  return new Map([
    ['/', asset('text/html', page)],
    ['/board.css', asset('text/css', read('board.css'))],
    ['/board.js', asset('text/javascript', read('board.js'))],
    ['/icon.svg', asset('image/svg+xml', read('icon.svg'))],
  ]);
}

function asset(type: string, text: string): Asset {
  const body = Buffer.from(text);
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 16)}"`;
  return { type: `${type}; charset=utf-8`, body, etag };
}
