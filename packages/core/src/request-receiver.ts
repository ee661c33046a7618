import { BelfryError, type Validation, validate } from '@belfry/contracts';
import { Answer, answerName } from './answer.js';
import { runInContext } from './context.js';
import { dateOn } from './clock.js';
import { DeliveryQueue, type Work } from './delivery-queue.js';
import { decodeEnvelope, type Envelope, headOf } from './envelope.js';
import { isInstance } from './identity.js';
import type { Failure } from './letter.js';
import { OutgoingLetter } from './outgoing-letter.js';
import { bytesOver, placesOf } from './outgoing.js';
import type { HandlingStats } from './subscription-stats.js';
import { Rejections, type RejectReason } from './rejections.js';
import { requestContextOf } from './request-context.js';
import { RequestHandling, type RequestHandlingOptions } from './request-handling.js';

/** What has become of the requests that reached a responder, since it began. */
export interface ResponderStats extends HandlingStats {
  /** Answered: with the output, or with an error that the contract declares. */
  handled: number;
  /** The handler threw something else, or what it returned does not fit the contract. */
  failed: number;
  /** Waited for so long that the caller had given up: never reached the handler. */
  expired: number;
  /** Nobody waited for the answer any more when the handler was done, or when its turn came: the caller had aborted, or was gone. */
  cancelled: number;
}

export interface RequestReceiverOptions extends Omit<RequestHandlingOptions, 'track'> {
  /** With its namespace. */
  readonly channel: string;
  readonly group: string;
  readonly concurrency: number;
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
  readonly maxMessageBytes: number;
  /** What is being answered by this instance, by its name: letters find it there. */
  readonly answers: Map<string, Answer>;
  /** Something is being answered: its caller has to be watched. */
  readonly onBegin: () => void;
}

/** So many requests may be aborted while they wait for their turn; of more it is not known, and they are handled. */
const MAX_CANCELLED = 10_000;
/** Nor of one with a longer name: Belfry's own have some sixty characters. */
const LONGEST_CANCELLED = 500;

/** Turns the encoded requests of one contract into calls of its handler, and what comes of them into letters to the callers. */
export class RequestReceiver {
  readonly #options: RequestReceiverOptions;
  readonly #queue: DeliveryQueue<number>;
  readonly #rejections: Rejections;
  readonly #handling: RequestHandling;
  readonly #running = new Set<Answer>();
  /** Aborted by their callers before their turn came. */
  readonly #cancelled = new Set<string>();
  /** Answers that Redis has not confirmed yet. */
  #unsent = 0;
  readonly #sent: (() => void)[] = [];
  readonly stats: ResponderStats;

  constructor(options: RequestReceiverOptions) {
    this.#options = options;
    const { concurrency, maxQueuedMessages, maxQueuedBytes, contract, group, logger, clock } = options;
    const queue = new DeliveryQueue<number>({
      concurrency,
      maxMessages: maxQueuedMessages,
      maxBytes: maxQueuedBytes,
      open: (body, arrivedAt) => this.#open(body, arrivedAt),
    });
    this.#queue = queue;
    this.#rejections = new Rejections({ request: contract.channel, group }, logger, clock);
    this.#handling = new RequestHandling({ ...options, track: () => this.#track() });
    this.stats = {
      received: 0,
      handled: 0,
      failed: 0,
      rejected: this.#rejections.counts,
      dropped: 0,
      expired: 0,
      cancelled: 0,
      abandoned: 0,
      get queued() {
        return queue.queued;
      },
      get inFlight() {
        return queue.inFlight;
      },
    };
  }

  /** Takes a request from the transport. */
  readonly deliver = (body: string): void => {
    const { maxMessageBytes, clock } = this.#options;
    this.stats.received++;
    if (bytesOver(maxMessageBytes, body) !== undefined) this.#tooLarge(body);
    else if (this.#queue.push(body, clock.now()) > 0) this.#overflow(body);
  };

  /** The caller of a request that waits for its turn has aborted it. */
  cancel(caller: string, request: string): void {
    const name = answerName(caller, request);
    if (this.#queue.queued === 0 || this.#cancelled.size >= MAX_CANCELLED || name.length > LONGEST_CANCELLED) return;
    this.#cancelled.add(name);
  }

  /** Resolves once nothing waits, nothing is being handled, and every answer is on its way. */
  async idle(): Promise<void> {
    await this.#queue.idle();
    if (this.#unsent > 0) await new Promise<void>((resolve) => this.#sent.push(resolve));
  }

  /** Gives up what waits and what is being handled, and tells the callers. */
  abandon(): void {
    const reason = 'the service stops, and the time for draining is over';
    this.stats.abandoned += this.#queue.clear((body) => this.#refuse(body, reason));
    for (const answer of this.#running) {
      answer.fail({ code: 'REQUEST_REJECTED', reason }, undefined, this.#track());
      answer.abort(new BelfryError('BUS_CLOSED', { message: `${reason}.` }));
    }
  }

  #open(body: string, arrivedAt: number): Work | undefined {
    const { contract } = this.#options;
    let envelope: Envelope;
    try {
      envelope = decodeEnvelope(body);
    } catch (error) {
      this.#reject('unreadable', (error as BelfryError).message);
      return undefined;
    }
    if (!isInstance(envelope.source)) {
      this.#reject('unreadable', 'It does not say who asks: its source is not /service/instance.', envelope);
      return undefined;
    }
    if (envelope.type !== contract.name || (envelope.dataversion ?? '1') !== String(contract.version)) {
      this.#reject('wrongContract', `It is not ${contract.name}, version ${contract.version}.`, envelope);
      this.#refuse(body, 'it is another request, or another version');
      return undefined;
    }
    return {
      lane: contract.key === undefined ? undefined : envelope.partitionkey,
      run: () => this.#run(envelope, arrivedAt),
    };
  }

  #run(envelope: Envelope, arrivedAt: number): void | Promise<void> {
    const { contract, clock } = this.#options;
    if (this.#wasCancelled(envelope)) {
      this.stats.cancelled++;
      return;
    }
    const { id, source, timeoutms = contract.timeout } = envelope;
    const deadline = arrivedAt + timeoutms;
    const now = clock.now();
    if (now >= deadline) {
      this.stats.expired++;
      return;
    }
    const answer = new Answer(this.#options, id, source, deadline, now);
    const going = this.#answer(answer, envelope);
    // Most handlers are done by now: nobody can have written to them, and nobody has to be watched.
    if (going === undefined) answer.deadline.end();
    else return this.#goOn(answer, going);
  }

  #wasCancelled({ source, id }: Envelope): boolean {
    if (this.#cancelled.size === 0) return false;
    const wasCancelled = this.#cancelled.delete(answerName(source, id));
    if (this.#queue.queued === 0) this.#cancelled.clear();
    return wasCancelled;
  }

  /** It takes longer: letters find it, and its caller is watched. */
  async #goOn(answer: Answer, going: Promise<void>): Promise<void> {
    const { answers, onBegin } = this.#options;
    answers.set(answer.name, answer);
    this.#running.add(answer);
    onBegin();
    try {
      await going;
    } catch (error) {
      this.#broken(error, answer);
    }
    answer.deadline.end();
    if (answers.get(answer.name) === answer) answers.delete(answer.name); // else somebody has sent it twice
    this.#running.delete(answer);
  }

  /** Whatever it was must not cost the place in the queue, or the process. */
  #broken(error: unknown, answer: Answer): void {
    this.stats.failed++;
    const { contract, logger } = this.#options;
    logger.error({ request: contract.channel, errorId: answer.request, err: error }, 'A request could not be handled.');
    answer.fail({ code: 'HANDLER_FAILED', errorId: answer.request }, undefined, this.#track());
  }

  /** Returns nothing when it is done. */
  #answer(answer: Answer, envelope: Envelope): Promise<void> | undefined {
    try {
      const { contract, validate: checks } = this.#options;
      const validation = checks.receive ? validate(contract.input, envelope.data) : asItIs(envelope.data);
      if (!(validation instanceof Promise)) return this.#handle(answer, envelope, validation);
      return validation.then((done) => this.#handle(answer, envelope, done));
    } catch (error) {
      this.#broken(error, answer);
      return undefined;
    }
  }

  #handle(answer: Answer, envelope: Envelope, validation: Validation): Promise<void> | undefined {
    if (!validation.valid) {
      this.#invalid(answer, envelope, placesOf(validation.issues));
      return undefined;
    }
    const { timeoutms = this.#options.contract.timeout } = envelope;
    const asked = dateOn(this.#options.clock);
    const context = requestContextOf(envelope, validation.value, answer.deadline, this.#options, asked);
    const outcome = runInContext(context, () => this.#handling.run(answer, context, timeoutms));
    if (typeof outcome !== 'string') return outcome.then((known) => void this.stats[known]++);
    this.stats[outcome]++;
    return undefined;
  }

  #invalid(answer: Answer, envelope: Envelope, places: string[]): void {
    this.#reject('invalid', 'Its input does not fit the schema.', envelope, places);
    const reason = `its input does not fit the contract, at ${places.join(', ')}`;
    answer.fail({ code: 'REQUEST_REJECTED', reason }, undefined, this.#track());
  }

  #overflow(body: string): void {
    this.stats.dropped++;
    this.#refuse(body, 'its queue is full');
    this.#rejections.crowded(
      { dropped: this.stats.dropped, queued: this.#queue.queued },
      'A handler cannot keep up: its queue is full, and requests are being refused. Raise concurrency, or add instances.',
    );
  }

  #tooLarge(body: string): void {
    const message = `it is larger than ${this.#options.maxMessageBytes} bytes`;
    this.#reject('tooLarge', `I${message.slice(1)}.`);
    this.#refuse(body, message);
  }

  /** Tells the caller of a request that is not handled, so that it need not wait. */
  #refuse(body: string, reason: string): void {
    const head = headOf(body);
    if (head === undefined || !isInstance(head.source)) return;
    const failure: Failure = { code: 'REQUEST_REJECTED', reason };
    const json = JSON.stringify(failure);
    const done = this.#track();
    this.#options.mailbox.post(new OutgoingLetter(head.source, 'error', head.id, json, undefined, undefined, done));
  }

  #reject(reason: RejectReason, message: string, envelope?: Envelope, places?: string[]): void {
    this.#rejections.add({ reason, channel: this.#options.channel, message, envelope, places });
  }

  #track(): () => void {
    this.#unsent++;
    return this.#onSent;
  }

  readonly #onSent = (): void => {
    if (--this.#unsent === 0) for (const sent of this.#sent.splice(0)) sent();
  };
}

const asItIs = (value: unknown): Validation => ({ valid: true, value });
