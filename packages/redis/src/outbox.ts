import type { Writable } from 'node:stream';
import type {
  Appended,
  Clock,
  Logger,
  OutgoingDurableEvent,
  OutgoingEvent,
  OutgoingRequest,
  Receipt,
  Timer,
} from '@belfry/core';
import { settlesWithin } from '@belfry/core';
import { AppendBatch, AppendSequence } from './append-batch.js';
import { BareMessage } from './bare-message.js';
import type { Batch } from './batch.js';
import { EventBatch } from './event-batch.js';
import { EventFlow, type EventFlowOptions } from './event-flow.js';
import { crowdedOut, unavailable, unconfirmed } from './failure.js';
import { type Mail, MailBatch } from './mail-batch.js';
import { RequestBatch } from './request-batch.js';
import type { SenderOptions } from './sender.js';
import type { Server } from './server.js';
import type { Topology } from './topology.js';
import { WaitingLine, type WaitingLineOptions } from './waiting-line.js';

export interface OutboxOptions {
  /** Asked when something is to be sent: the servers of a topology are made with this outbox. */
  readonly topology: () => Topology;
  /** For messages. */
  readonly address: string;
  /** How long something waits for a connection, in milliseconds. */
  readonly patience: number;
  /** Who appends: the instance's id. */
  readonly instance: string;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Of one slot: what no server takes at the moment. */
interface Strays {
  readonly line: WaitingLine;
  timer: Timer;
}

/** So soon it is tried again, in milliseconds. */
const AGAIN_MS = 25;

/**
 * Everything that is on its way out. What one turn of the event loop publishes or asks on one channel, or sends to one address, becomes
 * one command, which goes to the server of that channel.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  /**
   * What this turn has brought so far; per channel or address the last batch still takes more. The maps are made anew and not cleared: V8 leaves a
   * pointer from a cleared table to the next, and once one of them is in the old generation everything that was ever sent is kept until all of the
   * heap is collected.
   */
  #turn: Batch[] = [];
  #openRequests = new Map<string, RequestBatch>();
  #openMail = new Map<string, MailBatch>();
  #openAppends = new Map<string, AppendBatch>();
  /** Per channel, which batch it is that is appended next. */
  readonly #appendSequences = new Map<string, AppendSequence>();
  /** Per channel, its events. */
  readonly #flows = new Map<string, EventFlow>();
  readonly #flowing: EventFlowOptions;
  /** Per channel of requests, whose turn it is. */
  readonly #turns = new Map<string, number>();
  /** Per slot, what waits because it is not known who serves it, or because it has just moved. */
  readonly #strays = new Map<number, Strays>();
  readonly #lining: WaitingLineOptions;
  #nextSequence = 0;
  readonly #idle: (() => void)[] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
    const { address, patience, clock } = options;
    const giveUp = (batch: Batch, reason: 'time' | 'size') => {
      if (batch.written) batch.reject(unconfirmed(batch.title, address));
      else batch.reject(reason === 'time' ? this.#unavailable(batch) : crowdedOut(batch.title, address));
      this.#wakeIfIdle();
    };
    this.#lining = { held: { count: 0, size: 0 }, patience, giveUp, clock };
    this.#flowing = {
      enqueue: (batch) => this.#enqueue(batch),
      dispatch: (batch) => this.#dispatch(batch),
      giveUp,
      held: { count: 0, size: 0 },
      patience,
      clock,
    };
  }

  /** How a server's sender is to work. */
  get sending(): Pick<SenderOptions, 'line' | 'slotOf' | 'resend' | 'settled'> {
    return {
      line: this.#lining,
      slotOf: (batch) => this.#topology.slotOf(batch.destination),
      resend: (batches) => this.dispatch(batches),
      settled: () => this.#wakeIfIdle(),
    };
  }

  publish(event: OutgoingEvent): Promise<Receipt> {
    let flow = this.#flows.get(event.channel);
    if (flow === undefined) {
      flow = new EventFlow(this.#flowing);
      this.#flows.set(event.channel, flow);
    }
    return flow.publish(event);
  }

  /** Appends to the log of a durable channel. What was not answered is sent again, and recognised. */
  append(event: OutgoingDurableEvent): Promise<Appended> {
    return this.#batchFor(event.channel, event, this.#openAppends, AppendBatch).add(event);
  }

  /** Tells the request who received it. */
  ask(request: OutgoingRequest): void {
    this.#batchFor(request.channel, request, this.#openRequests, RequestBatch).add(request);
  }

  /** Resolves with whether anybody received it. */
  send(mail: Mail): Promise<boolean> {
    const batch = this.#batchFor(mail.address, mail, this.#openMail, MailBatch);
    batch.add(mail);
    return batch.promise;
  }

  publishBare(channel: string, payload: string): Promise<number> {
    const message = new BareMessage(channel, payload);
    this.#enqueue(message);
    return message.promise;
  }

  /** Sends batches again, or others than before do: in their order, each to the server that it now belongs to. */
  dispatch(batches: readonly Batch[]): void {
    for (const batch of batches) this.#dispatch(batch);
  }

  /** Resolves once nothing is on its way any more, or after `milliseconds`. */
  async settled(milliseconds: number): Promise<void> {
    if (this.#isIdle) return;
    await settlesWithin(this.#options.clock, milliseconds, new Promise<void>((resolve) => this.#idle.push(resolve)));
  }

  /** Rejects what still waits. */
  close(): void {
    for (const flow of this.#flows.values()) flow.close();
    for (const { line, timer } of this.#strays.values()) {
      timer.cancel();
      line.close();
    }
  }

  get #topology(): Topology {
    return this.#options.topology();
  }

  get #isIdle(): boolean {
    if (this.#turn.length + this.#flowing.held.count + this.#lining.held.count > 0) return false;
    for (const { sender } of this.#topology.servers) if (!sender.isIdle) return false;
    return true;
  }

  /** The batch that takes this item, of those for the same destination. */
  #batchFor<Item, B extends Batch & { takes(item: Item): boolean }>(
    destination: string,
    item: Item,
    open: Map<string, B>,
    Kind: new (item: Item) => B,
  ): B {
    let batch = open.get(destination);
    if (batch === undefined || !batch.takes(item)) {
      batch = new Kind(item);
      open.set(destination, batch);
      this.#enqueue(batch);
    }
    return batch;
  }

  #enqueue(batch: Batch): void {
    batch.sequence = this.#nextSequence++;
    this.#turn.push(batch);
    if (this.#turn.length === 1) setImmediate(() => this.#endTurn());
  }

  #endTurn(): void {
    const turn = this.#turn;
    this.#turn = [];
    if (this.#openRequests.size > 0) this.#openRequests = new Map();
    if (this.#openMail.size > 0) this.#openMail = new Map();
    if (this.#openAppends.size > 0) this.#openAppends = new Map();
    // Several commands: one write to the socket instead of one each.
    const streams = turn.length > 1 ? this.#streams() : [];
    for (const stream of streams) stream.cork();
    for (const batch of turn) {
      if (batch instanceof EventBatch) {
        batch.flow.leave(batch);
        continue;
      }
      if (batch instanceof RequestBatch) this.#seal(batch);
      else if (batch instanceof AppendBatch) batch.seal(this.#options.instance, this.#appendSequenceOf(batch.channel));
      this.#dispatch(batch);
    }
    for (const stream of streams) stream.uncork();
  }

  #seal(batch: RequestBatch): void {
    const turn = this.#turns.get(batch.channel) ?? Math.floor(Math.random() * 2 ** 31);
    batch.seal(turn);
    this.#turns.set(batch.channel, (turn + batch.count) % 2 ** 48);
  }

  #appendSequenceOf(channel: string): AppendSequence {
    const sequence =
      this.#appendSequences.get(channel) ?? new AppendSequence((entries) => this.#tellLoss(channel, entries));
    this.#appendSequences.set(channel, sequence);
    return sequence;
  }

  #tellLoss(channel: string, entries: number): void {
    this.#options.logger.error(
      { channel, lost: entries, address: this.#options.address },
      'Redis has lost events that it had confirmed: it was restarted without its data or with older data, or a replica took over.',
    );
  }

  #dispatch(batch: Batch): void {
    const topology = this.#topology;
    const slot = topology.slotOf(batch.destination);
    const strays = this.#strays.get(slot);
    if (strays !== undefined) {
      strays.line.add(batch);
      return;
    }
    const server = this.#takerOf(slot);
    if (server === undefined) this.#goAstray(slot, batch);
    else server.sender.dispatch(batch);
  }

  /** The server that takes what belongs to a slot now, as long as nothing older can come back from another one. */
  #takerOf(slot: number): Server | undefined {
    const topology = this.#topology;
    const server = topology.isSettled(slot) ? topology.serverOf(slot) : undefined;
    for (const other of topology.servers) if (other !== server && other.sender.refuses(slot)) return undefined;
    return server;
  }

  #goAstray(slot: number, batch: Batch): void {
    const { clock } = this.#options;
    const tryAgain = (): void => {
      if (this.#takerOf(slot) === undefined) {
        strays.timer = clock.after(AGAIN_MS, tryAgain);
        return;
      }
      this.#strays.delete(slot);
      this.dispatch(strays.line.takeAll());
    };
    const strays: Strays = { line: new WaitingLine(this.#lining), timer: clock.after(AGAIN_MS, tryAgain) };
    this.#strays.set(slot, strays);
    strays.line.add(batch);
    this.#topology.open();
  }

  #streams(): Writable[] {
    const streams: Writable[] = [];
    for (const { commands } of this.#topology.servers) {
      if (commands.client !== undefined) streams.push(commands.client.stream);
    }
    return streams;
  }

  #wakeIfIdle(): void {
    if (!this.#isIdle) return;
    for (const wake of this.#idle.splice(0)) wake();
  }

  #unavailable(batch: Batch): Error {
    const { address, patience } = this.#options;
    const topology = this.#topology;
    const why = topology.whyNot(topology.slotOf(batch.destination));
    return unavailable(`${batch.title}, which was not delivered`, address, patience, why);
  }
}
