import { type AnyRequest, BelfryError } from '@belfry/contracts';
import type { Aborts } from './aborts.js';
import type { Clock } from './clock.js';
import { aborted } from './failure.js';
import type { Letter } from './letter.js';
import type { Mailbox } from './mailbox.js';
import { OutgoingLetter } from './outgoing-letter.js';
import type { Watched } from './presence.js';
import type { Question } from './question.js';
import type { SharedTimer, SharedTimers, Timed } from './shared-timers.js';
import type { OutgoingRequest, Transport } from './transport.js';

/** Who waits for the answer. */
export interface Waiting {
  receive(letter: Letter): void;
  /** It is over, and there will be no answer. */
  fail(error: unknown): void;
}

/** What all requests of a bus have in common. */
export interface ExchangeDesk {
  readonly transport: Transport;
  readonly mailbox: Mailbox;
  readonly clock: Clock;
  readonly timers: SharedTimers;
  readonly aborts: Aborts;
  /** Nothing more is expected: late letters find nobody. */
  over(exchange: Exchange, answered: boolean): void;
}

/** What an envelope has beside the input, in characters: about so much. */
const ENVELOPE = 300;
/** Within so long of an interruption of the own connection nobody may have come back yet. */
const RECOVERY = 2000;
const PAUSE = 100;
/** A responder may have been interrupted itself: only one that is away for so many seconds has gone. */
const SECONDS_AWAY = 10;

/** One request on its way: sent once, ended by an answer, the timeout or an abort, whichever comes first. */
export class Exchange implements OutgoingRequest, Watched, Timed {
  readonly since: number;
  readonly patience = SECONDS_AWAY;
  misses = 0;
  readonly #question: Question;
  readonly #desk: ExchangeDesk;
  #waiting: Waiting;
  /** `/service/instance` that received it. */
  #asked: string | undefined;
  /** `written`: perhaps it was handed to the broker. `unheard`: the broker has said that nobody received it. */
  #state: 'new' | 'written' | 'unheard' | 'lapsed' = 'new';
  #isOver = false;
  #isAnswered = false;
  /** The other side should know that nobody waits any more, once it is known who that is. */
  #cancelled = false;
  #until: number;
  #timer: SharedTimer | undefined;
  #onAbort: ((signal: AbortSignal) => void) | undefined;

  constructor(question: Question, desk: ExchangeDesk, waiting: Waiting) {
    this.#question = question;
    this.#desk = desk;
    this.#waiting = waiting;
    this.since = desk.clock.now();
    this.#until = this.since + question.timeout;
  }

  get id(): string {
    return this.#question.id;
  }

  get channel(): string {
    return this.#question.line.channel;
  }

  get key(): string | undefined {
    return this.#question.key;
  }

  get size(): number {
    return this.#question.json.length + ENVELOPE;
  }

  get contract(): AnyRequest {
    return this.#question.line.contract;
  }

  get peer(): string | undefined {
    return this.#asked === undefined ? undefined : this.#desk.mailbox.addressOf(this.#asked);
  }

  /** Somebody waits for an answer now. */
  get isAwaited(): boolean {
    return this.#until < Number.POSITIVE_INFINITY;
  }

  /** Sends it, and waits for the answer until the time is over. */
  start(): void {
    const { signals, timeout } = this.#question;
    const { aborts, mailbox } = this.#desk;
    this.wait(timeout);
    for (const signal of signals) {
      if (signal.aborted) {
        this.#abort(signal);
        return;
      }
      this.#onAbort ??= (aborted) => this.#abort(aborted);
      aborts.add(signal, this.#onAbort);
    }
    if (mailbox.isOpen) this.#ask();
    else
      mailbox.open().then(
        () => this.#ask(),
        (error: unknown) => this.fail(error),
      );
  }

  /** Somebody else waits from now on. */
  handTo(waiting: Waiting): void {
    this.#waiting = waiting;
  }

  receive(letter: Letter): void {
    if (this.#asked !== undefined && letter.source !== this.#asked) return; // from somebody who was not asked
    this.#isAnswered = true;
    this.#askedOf(letter.source);
    this.#waiting.receive(letter);
  }

  /** Gives it so many milliseconds from now. */
  wait(milliseconds: number): void {
    const { clock, timers } = this.#desk;
    this.#timer?.cancel(this);
    this.#until = clock.now() + milliseconds;
    this.#timer = timers.start(milliseconds, this);
  }

  /** Nobody waits at the moment. */
  rest(): void {
    this.#timer?.cancel(this);
    this.#until = Number.POSITIVE_INFINITY;
  }

  /** Writes to the instance that answers; while it is not known who that is, nothing. */
  tell(kind: 'credit' | 'cancel', dataJson?: string): void {
    if (this.#asked === undefined) return;
    this.#desk.mailbox.post(new OutgoingLetter(this.#asked, kind, this.id, dataJson));
  }

  /** Nothing more is expected. False: it was over already. */
  end(answered: boolean): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#timer?.cancel(this);
    if (this.#onAbort !== undefined)
      for (const signal of this.#question.signals) this.#desk.aborts.delete(signal, this.#onAbort);
    this.#desk.over(this, answered);
    return true;
  }

  fail(error: unknown): void {
    if (this.end(false)) this.#waiting.fail(error);
  }

  /** Ends it, and tells the other side that nobody waits any more. False: it was over already. */
  cancel(answered: boolean): boolean {
    if (!this.end(answered)) return false;
    this.#cancelled = true;
    this.tell('cancel');
    return true;
  }

  /** The same, and whoever waits gets the error. */
  giveUp(error: unknown): void {
    if (this.cancel(false)) this.#waiting.fail(error);
  }

  lost(): void {
    this.fail(
      new BelfryError('REPLY_LOST', {
        message: `${this.#question.line.contract.channel} gets no answer: ${this.#asked?.slice(1)}, which was asked, is gone.`,
        hint: 'It may have done the work, or a part of it.',
      }),
    );
  }

  encode(): string | undefined {
    const rest = this.#until - this.#desk.clock.now();
    if (this.#isOver || rest <= 0) {
      this.#state = 'lapsed';
      return undefined;
    }
    this.#state = 'written';
    return this.#question.encode(Math.max(1, Math.floor(rest)));
  }

  dealt(to: string | undefined): void {
    if (to !== undefined) this.#askedOf(`/${to}`);
    if (this.#asked !== undefined || this.#state === 'lapsed') return;
    this.#state = 'unheard';
    const { transport, clock } = this.#desk;
    if (clock.now() - transport.resumedAt >= RECOVERY) this.fail(noResponders(this.#question.line.contract));
    else clock.after(PAUSE, () => this.#ask());
  }

  failed(error: Error): void {
    // Perhaps somebody is working on it: the answer may still come, and it is never sent twice.
    if (!(BelfryError.is(error) && error.code === 'PUBLISH_UNCONFIRMED')) this.fail(error);
  }

  #ask(): void {
    if (!this.#isOver && this.#asked === undefined) this.#desk.transport.ask(this);
  }

  #askedOf(instance: string): void {
    if (this.#asked !== undefined) return; // it has written already
    this.#asked = instance;
    if (this.#cancelled) this.tell('cancel');
  }

  timeOut(milliseconds: number): void {
    const { contract } = this.#question.line;
    if (this.#state !== 'written') {
      this.fail(this.#state === 'unheard' ? noResponders(contract) : notSent(contract, milliseconds));
      return;
    }
    const error = this.#timeout(milliseconds);
    if (contract.stream) this.giveUp(error);
    else this.fail(error); // the handler knows its deadline
  }

  #timeout(milliseconds: number): BelfryError {
    const { contract } = this.#question.line;
    const of = contract.stream
      ? `the ${this.#isAnswered ? 'next' : 'first'} value of ${contract.channel} did not come`
      : `${contract.channel} was not answered`;
    const by = this.#asked === undefined ? '' : ` by ${this.#asked.slice(1)}`;
    return new BelfryError('REQUEST_TIMEOUT', {
      message: `${of} within ${Math.round(milliseconds)} ms${by}.`,
      hint:
        this.#asked === undefined
          ? 'The broker did not say who received it. It may have been handled.'
          : 'It may have been handled, be handled still, or wait behind others. Is the instance alive, or the timeout too short?',
    });
  }

  #abort({ reason }: AbortSignal): void {
    const { contract } = this.#question.line;
    const { clock } = this.#desk;
    // The signal of the request that is being handled, at its deadline: the same moment as the end of the own time.
    if (BelfryError.is(reason) && reason.code === 'REQUEST_TIMEOUT')
      this.giveUp(this.#timeout(clock.now() - this.since));
    else this.giveUp(aborted(contract, reason));
  }
}

const noResponders = ({ channel }: AnyRequest): BelfryError =>
  new BelfryError('NO_RESPONDERS', {
    message: `nobody responds to ${channel}; it was not handled.`,
    hint: 'Is the responding service started, with the same namespace and the same Redis? bus.ready(contract) waits for it.',
  });

const notSent = ({ channel }: AnyRequest, milliseconds: number): BelfryError =>
  new BelfryError('TRANSPORT_UNAVAILABLE', {
    message: `${channel} could not be sent within ${Math.round(milliseconds)} ms, and was not handled.`,
    hint: 'Is Redis running, and to be reached? Or was this process too busy to send it?',
  });
