// What core's own tests share: a clock that is turned by hand, a transport that does as the test says, and a caller between the two.
import { type AnyRequest, BelfryError, type ErrorCode, defineRequest } from '@belfry/contracts';
import { z } from 'zod';
import type { Clock, Timer } from '../src/clock.js';
import type { Delivery, Work } from '../src/durable/delivery.js';
import { RecordedLogger } from '../src/conformance/recorded-logger.js';
import { nextTurn } from '../src/conformance/waiting.js';
import { turnBudget } from '../src/turn-budget.js';
import { decodeEnvelope, type Envelope } from '../src/envelope.js';
import type { Exchange } from '../src/exchange.js';
import { decodeLetter, type Letter, type LetterKind, letterEncoder } from '../src/letter.js';
import { Mailbox } from '../src/mailbox.js';
import { Requests, type RequestsOptions } from '../src/requests.js';
import type { AskOptions } from '../src/requester.js';
import type { Deliver, OutgoingRequest, Receipt, Source, Transport, TransportSubscription } from '../src/transport.js';

export { nextTurn } from '../src/conformance/waiting.js';

/** The next turn of the event loop in which handlers have their whole share, whatever a busy machine or the tests before have used of it. */
export async function handlersTurn(): Promise<void> {
  do await nextTurn();
  while (turnBudget.isSpent(true));
}

/** The instance that asks, and the one that answers. */
export const CALLER = '/shop/00000000000000ca';
export const RESPONDER = '/pricing/00000000000000fe';

/** Where they receive letters. */
export const CALLER_INBOX = `test:${CALLER.slice(1)}`;
export const RESPONDER_INBOX = `test:${RESPONDER.slice(1)}`;

export const Quote = defineRequest('pricing.quote', {
  input: z.object({ sku: z.string() }),
  output: z.object({ cents: z.number() }),
  errors: { UNKNOWN_SKU: z.object({ sku: z.string().transform((sku) => sku.length) }), SOLD_OUT: null },
});

export const Count = defineRequest('numbers.count', {
  input: z.number(),
  output: z.number(),
  errors: { TOO_MANY: z.object({ most: z.number() }) },
  stream: true,
});

export const errorWith = (code: ErrorCode): BelfryError => new BelfryError(code, { message: 'as the test says.' });

/** Goes on when the test turns it. */
export class TurnedClock implements Clock {
  time = 1_000_000;
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();

  now(): number {
    return this.time;
  }

  after(milliseconds: number, callback: () => void): Timer {
    const timer = { at: this.time + milliseconds, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Timers that nobody has called off, and whose time has not come. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Lets time pass, from one timer to the next, and whatever follows from each of them happen. */
  async turn(milliseconds: number): Promise<void> {
    const end = this.time + milliseconds;
    await nextTurn();
    for (;;) {
      const next = [...this.#timers].sort((one, other) => one.at - other.at)[0];
      if (next === undefined || next.at > end) break;
      this.#timers.delete(next);
      this.time = Math.max(this.time, next.at);
      next.callback();
      await nextTurn();
    }
    this.time = end;
    await nextTurn();
  }
}

/** A letter, and whose inbox it was for. */
export type SentLetter = Letter & { readonly to: string };

/** Writes down what it is told to do, and does as the test says. */
export class ScriptedTransport implements Transport {
  readonly unsupported = {};
  resumedAt = Number.NEGATIVE_INFINITY;
  /** The requests that were written. */
  readonly written: Envelope[] = [];
  /** How often it was told to ask. */
  asks = 0;
  readonly sent: SentLetter[] = [];
  /** The questions who is there. */
  readonly questions: (readonly string[])[] = [];
  readonly inboxes = new Map<string, Deliver>();
  onAsk: (request: OutgoingRequest) => Promise<string | undefined> = async (request) => this.write(request);
  onSend: (letter: SentLetter) => Promise<boolean> = async () => true;
  onListening: (addresses: readonly string[]) => Promise<ReadonlySet<string>> = async (addresses) => new Set(addresses);
  onSubscribe: (source: Source) => Promise<void> = async () => {};
  onAudience: (channel: string) => Promise<Receipt> = async () => ({ broadcast: 0, groups: {} });

  /** What a broker does with a request: takes what it encodes, and says who received it. */
  write(request: OutgoingRequest): string | undefined {
    const body = request.encode();
    if (body === undefined) return undefined;
    this.written.push(decodeEnvelope(body));
    return RESPONDER.slice(1);
  }

  ask(request: OutgoingRequest): void {
    this.asks++;
    this.onAsk(request).then(
      (to) => request.dealt(to),
      (error: Error) => request.failed(error),
    );
  }

  async send(address: string, body: string): Promise<boolean> {
    const letter = { to: address, ...decodeLetter(body) };
    this.sent.push(letter);
    return this.onSend(letter);
  }

  async listening(addresses: readonly string[]): Promise<ReadonlySet<string>> {
    this.questions.push(addresses);
    return this.onListening(addresses);
  }

  async subscribe(source: Source, deliver: Deliver): Promise<TransportSubscription> {
    await this.onSubscribe(source);
    const name = source.kind === 'inbox' ? source.address : source.kind;
    this.inboxes.set(name, deliver);
    return { end: async () => void this.inboxes.delete(name) };
  }

  audience(channel: string): Promise<Receipt> {
    return this.onAudience(channel);
  }

  /** What the letters of one kind said. */
  said(kind: LetterKind): unknown[] {
    return this.sent.filter((letter) => letter.kind === kind).map(({ data }) => data);
  }

  readonly publish = async (): Promise<Receipt> => ({ broadcast: 0, groups: {} });
  readonly publishBare = async (): Promise<number> => 0;
  readonly bareAudience = async (): Promise<number> => 0;
  readonly close = async (): Promise<void> => {};
}

const encodeReply = letterEncoder(RESPONDER, () => 'letter');

/** The asking half of a bus, on a scripted transport and a turned clock. */
export function startCaller(options: Partial<RequestsOptions> = {}) {
  const clock = new TurnedClock();
  const transport = new ScriptedTransport();
  const logger = new RecordedLogger();
  let ids = 0;
  const nextId = () => `i-${ids++}`;
  const mailbox: Mailbox = new Mailbox({
    transport,
    namespace: 'test',
    source: CALLER,
    nextId: () => 'letter',
    maxMessageBytes: 1_048_576,
    receive: (letter) => requests.receive(letter),
    logger,
    clock,
  });
  const requests: Requests = new Requests({
    transport,
    mailbox,
    channelOf: ({ channel }) => `test:${channel}/request`,
    source: CALLER,
    nextId,
    validate: { publish: true, receive: true },
    maxMessageBytes: 1_048_576,
    middleware: [],
    clock,
    onBegin: () => {},
    ...options,
  });
  /** What a responder writes into the caller's inbox. */
  const letter = (request: string, kind: LetterKind, data?: unknown, sequence?: number): void =>
    deliver(encodeReply(kind, request, data === undefined ? undefined : JSON.stringify(data), sequence));
  /** Whatever comes into the caller's inbox. */
  const deliver = (body: string): void => transport.inboxes.get(CALLER_INBOX)?.(body, { channel: CALLER_INBOX });
  const ask = (contract: AnyRequest, input: unknown, asked: AskOptions = {}): Promise<unknown> =>
    requests.request(contract, input, asked) as Promise<unknown>;
  const stream = (input = 0, asked: AskOptions = {}): AsyncIterableIterator<number> =>
    requests.request(Count, input, asked) as unknown as AsyncIterableIterator<number>;
  const pending = (): Exchange[] => [...requests.pending];
  return { clock, transport, logger, mailbox, requests, letter, deliver, ask, stream, pending };
}

/** How a promise ends, looked at from the beginning, so that no rejection goes unhandled. */
export function watched<T>(promise: Promise<T>) {
  const outcome: { value?: T; error?: BelfryError; isSettled: boolean } = { isSettled: false };
  promise.then(
    (value) => Object.assign(outcome, { value, isSettled: true }),
    (error: unknown) => Object.assign(outcome, { error, isSettled: true }),
  );
  return outcome;
}

/** What a broker answers that has nothing to give and nothing to tell. */
export const NOTHING: Work = {
  refused: [],
  failed: [],
  deliveries: [],
  more: false,
  dueIn: undefined,
  lapsed: false,
  kept: [],
  lost: 0,
  repeated: 0,
  epoch: 'e',
  count: 0,
};

/** One at its first attempt. */
export const delivery = (token: number, body = '{}'): Delivery => ({
  id: `${token}-0`,
  body,
  key: undefined,
  token,
  attempt: 1,
});
