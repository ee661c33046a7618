import { type AnyRequest, BelfryError, type Validation, validate } from '@belfry/contracts';
import { Aborts } from './aborts.js';
import { mistakeInAsking, signalsOf, timeoutOf } from './ask-options.js';
import { type Clock, dateOn } from './clock.js';
import { CallSite } from './call-site.js';
import { currentContext } from './context.js';
import { envelopeEncoder } from './envelope.js';
import { Exchange, type ExchangeDesk } from './exchange.js';
import { errorOf } from './failure.js';
import type { Letter } from './letter.js';
import type { Mailbox } from './mailbox.js';
import { inTime } from './in-time.js';
import { type Middleware, type RequestCall, runThrough } from './middleware.js';
import { causalityOf, checkExtensions, checkSize, invalid, keyOf, type OutgoingOptions, toJson } from './outgoing.js';
import { OutgoingLetter } from './outgoing-letter.js';
import { Pending } from './pending.js';
import { type Line, Question } from './question.js';
import { RelayedStream } from './relayed-stream.js';
import { ReplyStream } from './reply-stream.js';
import type { AskOptions, ReplyIterator, RequestStats } from './requester.js';
import { type ReplyReader, SingleReply } from './single-reply.js';
import { SharedTimers } from './shared-timers.js';
import type { Transport } from './transport.js';

export interface RequestsOptions {
  readonly transport: Transport;
  readonly mailbox: Mailbox;
  readonly channelOf: (contract: AnyRequest) => string;
  /** `/service/instance` */
  readonly source: string;
  readonly nextId: () => string;
  readonly validate: { readonly publish: boolean; readonly receive: boolean };
  readonly maxMessageBytes: number;
  readonly middleware: readonly Middleware[];
  readonly clock: Clock;
  /** Something is on its way: its responder has to be watched. */
  readonly onBegin: () => void;
}

/** The way of a request out, and of its answer back: middleware, validation, envelope, exchange. */
export class Requests implements ExchangeDesk, ReplyReader {
  readonly #options: RequestsOptions;
  /** By the contract's channel. */
  readonly #lines = new Map<string, Line>();
  readonly #pending = new Pending<Exchange>();
  readonly #changed: (() => void)[] = [];
  readonly aborts = new Aborts();
  readonly transport: Transport;
  readonly mailbox: Mailbox;
  readonly clock: Clock;
  readonly timers: SharedTimers;
  readonly stats: RequestStats;

  constructor(options: RequestsOptions) {
    this.#options = options;
    this.transport = options.transport;
    this.mailbox = options.mailbox;
    this.clock = options.clock;
    this.timers = new SharedTimers(options.clock);
    const pending = this.#pending;
    this.stats = {
      asked: 0,
      answered: 0,
      failed: 0,
      late: 0,
      get inFlight() {
        return pending.size;
      },
    };
  }

  /** What is on its way now. */
  get pending(): Iterable<Exchange> {
    return this.#pending.values();
  }

  /**
   * Never throws: what it returns rejects, or its first `next()` does.
   * @param mistake why it cannot be asked
   * @param called the public function: who called that stands in the stack of what goes wrong
   */
  request(
    contract: AnyRequest,
    input: unknown,
    options: AskOptions,
    mistake?: BelfryError,
    called: (...args: never[]) => unknown = this.request,
  ): unknown {
    const site = new CallSite(called, this.clock.now());
    const wrong = mistake ?? mistakeInAsking(contract, options);
    if (contract?.stream === true) {
      if (wrong !== undefined) return new RelayedStream(() => Promise.reject(wrong));
      return this.#askMany(contract, input, options, site);
    }
    const reply = new SingleReply(this, options, site);
    const answer = wrong === undefined ? this.#askOne(contract, input, options, reply) : Promise.reject(wrong);
    return iterable(answer, reply);
  }

  #askOne(contract: AnyRequest, input: unknown, options: AskOptions, reply: SingleReply): Promise<unknown> {
    return this.#options.middleware.length === 0
      ? this.#checked(contract, input, options, options.extensions, reply)
      : this.#askThroughMiddleware(contract, input, options, reply);
  }

  /** Takes a letter for somebody who waits. */
  receive(letter: Letter): void {
    const exchange = this.#pending.get(letter.request);
    if (exchange !== undefined) {
      exchange.receive(letter);
      return;
    }
    this.stats.late++;
    if (letter.kind === 'values') this.mailbox.post(new OutgoingLetter(letter.source, 'cancel', letter.request));
  }

  /** Resolves once nobody waits for an answer: a stream that nobody takes from is not waited for. */
  async idle(): Promise<void> {
    while (this.#isAwaited) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }

  /** Gives up what is still on its way. */
  abandon(error: BelfryError): void {
    for (const exchange of this.#pending.values()) exchange.giveUp(error);
  }

  get #isAwaited(): boolean {
    for (const { isAwaited } of this.#pending.values()) if (isAwaited) return true;
    return false;
  }

  #askThroughMiddleware(
    contract: AnyRequest,
    input: unknown,
    options: AskOptions,
    reply: SingleReply,
  ): Promise<unknown> {
    return this.#throughMiddleware(contract, input, options, (data, extensions) =>
      this.#checked(contract, data, options, extensions, reply),
    );
  }

  #askMany(contract: AnyRequest, input: unknown, options: AskOptions, site: CallSite): ReplyIterator<unknown> {
    const ask = (data: unknown, extensions: OutgoingOptions['extensions']) =>
      this.#stream(contract, options, site, (stream) => this.#checked(contract, data, options, extensions, stream));
    if (this.#options.middleware.length === 0) return ask(input, options.extensions);
    return new RelayedStream(() =>
      this.#throughMiddleware(contract, input, options, async (data, extensions) => ask(data, extensions)),
    );
  }

  #throughMiddleware(
    contract: AnyRequest,
    input: unknown,
    options: AskOptions,
    last: (data: unknown, extensions: OutgoingOptions['extensions']) => Promise<unknown>,
  ): Promise<unknown> {
    const { middleware } = this.#options;
    try {
      const call: RequestCall = { side: 'request', contract, data: input, extensions: { ...options.extensions } };
      const done = runThrough(middleware, call, () => last(call.data, call.extensions));
      return this.#inTime(done, contract, options, timeoutOf(contract, options, this.clock));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #checked(
    contract: AnyRequest,
    input: unknown,
    options: AskOptions,
    extensions: OutgoingOptions['extensions'],
    reply: ReplyStream | SingleReply,
  ): Promise<unknown> {
    try {
      const validation = this.#options.validate.publish ? validate(contract.input, input) : unchecked;
      const timeout = timeoutOf(contract, options, this.clock);
      if (validation instanceof Promise) {
        // Written down now: what the caller does to the input while a schema thinks about it must not travel.
        const question = this.#questionOf(contract, input, options, extensions, timeout);
        return this.#inTime(this.#startOnce(validation, question, reply), contract, options, timeout);
      }
      if (!validation.valid) throw invalid(contract, 'do not fit its schema', validation.issues);
      return this.#start(this.#questionOf(contract, input, options, extensions, timeout), reply);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #startOnce(
    validation: Promise<Validation>,
    question: Question,
    reply: ReplyStream | SingleReply,
  ): Promise<unknown> {
    const began = this.clock.now();
    const validated = await validation;
    if (!validated.valid) throw invalid(question.line.contract, 'do not fit its schema', validated.issues);
    question.timeout -= this.clock.now() - began;
    return this.#start(question, reply);
  }

  #inTime<T>(work: Promise<T>, contract: AnyRequest, options: AskOptions, milliseconds: number): Promise<T> {
    const signals = signalsOf(options);
    return inTime(work, { contract, milliseconds, signals, aborts: this.aborts, clock: this.clock });
  }

  #start(question: Question, reply: ReplyStream | SingleReply): Promise<unknown> {
    if (question.timeout <= 0) return Promise.reject(noTimeLeft(question.line.contract));
    const exchange = new Exchange(question, this, reply);
    this.#pending.add(question.id, exchange);
    this.stats.asked++;
    this.#options.onBegin();
    if (reply instanceof ReplyStream) {
      if (reply.attach(exchange)) exchange.start();
      else exchange.end(true);
      return Promise.resolve(reply);
    }
    reply.attach(exchange);
    exchange.start();
    return reply.promise;
  }

  #questionOf(
    contract: AnyRequest,
    input: unknown,
    options: AskOptions,
    extensions: OutgoingOptions['extensions'],
    timeout: number,
  ): Question {
    const { nextId, maxMessageBytes } = this.#options;
    const key = options.key ?? keyOf(contract, input);
    checkExtensions(contract, extensions);
    const json = toJson(contract, input);
    const line = this.#lineOf(contract);
    const causality = causalityOf(options, currentContext());
    const [id, now, signals] = [nextId(), dateOn(this.clock), signalsOf(options)];
    const question = new Question(line, id, now, key, json, timeout, signals, causality, extensions);
    // It is encoded when it is sent. Only where it may be too large, it is measured before.
    if (json.length * 3 + ENVELOPE > maxMessageBytes)
      checkSize(contract, question.encode(Math.ceil(timeout)), maxMessageBytes);
    return question;
  }

  #lineOf(contract: AnyRequest): Line {
    const known = this.#lines.get(contract.channel);
    if (known !== undefined) return known;
    const { source, channelOf } = this.#options;
    const encoder = envelopeEncoder(source, contract.name, contract.version);
    const line = { contract, channel: channelOf(contract), encoder };
    this.#lines.set(contract.channel, line);
    return line;
  }

  over(exchange: Exchange, answered: boolean): void {
    this.#pending.delete(exchange.id);
    if (this.#changed.length > 0) for (const changed of this.#changed.splice(0)) changed();
    if (answered) this.stats.answered++;
    else this.stats.failed++;
  }

  validate(contract: AnyRequest, value: unknown): Validation | Promise<Validation> {
    return this.#options.validate.receive ? validate(contract.output, value) : { valid: true, value };
  }

  errorOf(contract: AnyRequest, letter: Letter, timeout: number): unknown | Promise<unknown> {
    return errorOf(contract, letter, this.#options.validate.receive, timeout);
  }

  streamFor(contract: AnyRequest, options: AskOptions, site: CallSite): ReplyStream {
    return this.#stream(contract, options, site, () => Promise.resolve());
  }

  #stream(
    contract: AnyRequest,
    options: AskOptions,
    site: CallSite,
    begin: (stream: ReplyStream) => Promise<unknown>,
  ): ReplyStream {
    const around = currentContext();
    const timeout = () => timeoutOf(contract, options, this.clock, around);
    return new ReplyStream({
      begin,
      site,
      timeout,
      inTime: (work) => this.#inTime(work, contract, options, timeout()),
      reader: this,
    });
  }
}

/** What is more in an envelope than the data, in bytes: so many at least. */
const ENVELOPE = 16_384;

const unchecked: Validation = { valid: true, value: undefined };

/** For what takes the values of an answer where one was expected. */
const its = Symbol('reply');
type Answer = Promise<unknown> & { [its]?: SingleReply; [Symbol.asyncIterator]?: typeof iterate };

/**
 * Whether one value comes or many is up to the handler. The compiler refuses to iterate without `stream`; plain JavaScript may. One function for
 * all answers: V8 puts a function literal that is assigned to a property into the old generation, where it keeps the whole request until all of
 * the heap is collected.
 */
function iterable(answer: Answer, reply: SingleReply): Answer {
  answer[its] = reply;
  answer[Symbol.asyncIterator] = iterate;
  return answer;
}

function iterate(this: Answer): AsyncGenerator<unknown> {
  this[its]?.iterate();
  return valuesOf(this);
}

/** The values of an answer, however many the handler gave. */
async function* valuesOf(answer: Promise<unknown>): AsyncGenerator<unknown> {
  const given = await answer;
  if (given instanceof ReplyStream) yield* given;
  else yield given;
}

const noTimeLeft = ({ channel }: AnyRequest): BelfryError =>
  new BelfryError('REQUEST_TIMEOUT', {
    message: `${channel} was not sent: the time of the request being handled is over.`,
    hint: 'Nested requests have what is left of the time of the request that they serve.',
  });
