import { connect, type Socket } from 'node:net';
import { ClientName } from './client-name.js';
import type { ConnectionInfo, ConnectionSetting } from './connection-filter.js';
import { ProxyFlow } from './proxy-flow.js';
import type { Address } from './redis-ping.js';
import { isReply, RespCounter, repliesTo } from './resp-counter.js';

/** How the proxy treats its connections at present. */
export interface ProxySettings {
  readonly delayMs: ConnectionSetting<number>;
  readonly bytesPerSecond: ConnectionSetting<number>;
  readonly swallowsToServer: ConnectionSetting<boolean>;
  readonly swallowsToClient: ConnectionSetting<boolean>;
  /** Sees each chunk on its way to the server; a result asks to lose the answer to it. */
  loseAnswerTo(connection: ConnectionInfo, chunk: Buffer): LostAnswer | undefined;
}

/** Hears what became of an answer that was to be lost. */
export interface LostAnswer {
  /** The server has answered, the client has been cut off. */
  happened(): void;
  /** The connection broke before. */
  failed(error: Error): void;
}

/** A client's connection to the proxy together with the proxy's own to the server. */
export class ProxiedConnection implements ConnectionInfo {
  readonly #server: Socket;
  readonly #toServer: ProxyFlow;
  readonly #toClient: ProxyFlow;
  readonly #clientName = new ClientName();
  readonly #requests = new RespCounter(repliesTo);
  readonly #replies = new RespCounter(isReply);
  /** Ends of streams that vanished and would be noticed when the swallowing ends. */
  readonly #vanishedEnds = new Set<ProxyFlow>();
  #losing: { answer: LostAnswer; untilReplies: number } | undefined;
  #isClosed = false;

  constructor(
    readonly id: number,
    private readonly client: Socket,
    target: Address,
    private readonly settings: ProxySettings,
    private readonly onClosed: (connection: ProxiedConnection) => void,
  ) {
    this.#server = connect({ ...target, allowHalfOpen: true, noDelay: true });
    this.#toServer = new ProxyFlow(client, this.#server, {
      delayMs: () => settings.delayMs.for(this),
      bytesPerSecond: () => Number.POSITIVE_INFINITY,
      passes: (chunk) => this.#passToServer(chunk),
      passesEnd: () => this.#passEnd(this.#toServer, settings.swallowsToServer),
    });
    this.#toClient = new ProxyFlow(this.#server, client, {
      delayMs: () => settings.delayMs.for(this),
      bytesPerSecond: () => settings.bytesPerSecond.for(this),
      passes: (chunk) => this.#passToClient(chunk),
      passesEnd: () => this.#passEnd(this.#toClient, settings.swallowsToClient),
    });
    for (const socket of [client, this.#server]) {
      socket.on('error', () => undefined); // 'close' follows
      socket.on('close', () => this.adjust());
    }
  }

  get name(): string | undefined {
    return this.#clientName.current;
  }

  /** To be called when the settings have changed, or one of the sockets has closed. */
  adjust(): void {
    const { client, settings } = this;
    this.#toServer.adjust();
    this.#toClient.adjust();
    this.#propagate(this.#toServer, client, this.#server, settings.swallowsToServer);
    this.#propagate(this.#toClient, this.#server, client, settings.swallowsToClient);
    if (client.closed && this.#server.closed) this.#closed();
  }

  /** Breaks both sides at once. */
  cut(how: 'reset' | 'end'): void {
    for (const socket of [this.client, this.#server]) {
      if (how === 'reset' && !socket.destroyed) socket.resetAndDestroy();
      else socket.destroy();
    }
    this.#closed();
  }

  /** What has become of one side reaches the other, as far as it is not swallowed. */
  #propagate(flow: ProxyFlow, source: Socket, sink: Socket, swallows: ConnectionSetting<boolean>): void {
    if (swallows.for(this) || sink.destroyed) return;
    if (this.#vanishedEnds.delete(flow)) flow.end();
    // A source that closed in an orderly way has had its end passed on; one that broke breaks the other side too.
    if (source.closed && (!source.readableEnded || source.errored)) sink.resetAndDestroy();
  }

  #passToServer(chunk: Buffer): boolean {
    this.#clientName.read(chunk);
    if (this.settings.swallowsToServer.for(this)) return false;
    this.#requests.read(chunk);
    const answer = this.#losing ? undefined : this.settings.loseAnswerTo(this, chunk);
    if (answer) {
      // Earlier requests are answered first. A request that goes on in the next chunk has not been counted yet.
      const replies = this.#requests.count + (this.#requests.isPartial ? 1 : 0);
      this.#losing = { answer, untilReplies: Math.max(replies, this.#replies.count + 1) };
    }
    return true;
  }

  #passToClient(chunk: Buffer): boolean {
    this.#replies.read(chunk);
    if (!this.#losing) return !this.settings.swallowsToClient.for(this);
    const { answer, untilReplies } = this.#losing;
    if (this.#replies.count >= untilReplies || this.#replies.isLost || this.#requests.isLost) {
      this.#losing = undefined;
      this.cut('reset');
      answer.happened();
    }
    return false;
  }

  #passEnd(flow: ProxyFlow, swallows: ConnectionSetting<boolean>): boolean {
    if (!swallows.for(this)) return true;
    this.#vanishedEnds.add(flow);
    return false;
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#toServer.close();
    this.#toClient.close();
    this.#losing?.answer.failed(new Error('the connection broke before the server had answered'));
    this.onClosed(this);
  }
}
