import { BelfryError } from '@belfry/contracts';
import type { Clock } from './clock.js';
import {
  decodeLetter,
  type Failure,
  headOfAnswer,
  type Letter,
  type LetterKind,
  letterEncoder,
  LONGEST_PART,
} from './letter.js';
import type { Logger } from './logger.js';
import type { OutgoingLetter } from './outgoing-letter.js';
import { bytesOver } from './outgoing.js';
import { Rejections } from './rejections.js';
import type { Transport, TransportSubscription } from './transport.js';

export interface MailboxOptions {
  readonly transport: Transport;
  readonly namespace: string;
  /** `/service/instance` */
  readonly source: string;
  readonly nextId: () => string;
  readonly maxMessageBytes: number;
  /** Takes a letter. Never throws. */
  readonly receive: (letter: Letter) => void;
  readonly logger: Logger;
  readonly clock: Clock;
}

// A letter that nobody received is sent again: the other side may be about to be back. At first soon, then less often.
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 500;
const INSISTENCE = 5000;
// So many may wait for their next attempt, and so large, in characters: who asks decides how many have to be written, and need not exist.
const MOST_WAITING = 10_000;
const MAX_WAITING = 33_554_432;

/** What a letter has beside its data, in bytes: so much at most. */
const ENVELOPE = 16_384;

/** The private inbox of this instance, and its way into those of others. Opened when the first request is asked or answered. */
export class Mailbox {
  readonly #options: MailboxOptions;
  readonly #encode: (kind: LetterKind, request: string, dataJson?: string, sequence?: number) => string;
  readonly #rejections: Rejections;
  readonly #address: string;
  #link: Promise<TransportSubscription> | undefined;
  #isOpen = false;
  /** What was sent last, and the letters that travel together in it. */
  #sending: Promise<boolean> | undefined;
  #together: OutgoingLetter[] = [];
  #waiting = 0;
  #waitingSize = 0;

  constructor(options: MailboxOptions) {
    this.#options = options;
    const { source, nextId, logger, clock } = options;
    this.#encode = letterEncoder(source, nextId);
    this.#rejections = new Rejections({ subscription: 'inbox' }, logger, clock);
    this.#address = this.addressOf(source);
  }

  /** True once letters are received. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Begins to receive letters. Before anything is asked, because Pub/Sub keeps nothing for late subscribers. */
  async open(): Promise<void> {
    const isShared = this.#link !== undefined;
    try {
      await this.#opened();
    } catch (error) {
      // The patience that came to its end was that of another one, who had begun earlier.
      if (!isShared || !isPassing(error)) throw error;
      await this.#opened();
    }
  }

  async #opened(): Promise<void> {
    this.#link ??= this.#options.transport.subscribe({ kind: 'inbox', address: this.#address }, this.#receive);
    const link = this.#link;
    try {
      await link;
      this.#isOpen = true;
    } catch (error) {
      if (this.#link === link) this.#link = undefined; // the next one tries again
      throw error;
    }
  }

  /** Where an instance receives letters: `source` as `/service/instance`. */
  addressOf(source: string): string {
    return `${this.#options.namespace}:${source.slice(1)}`;
  }

  /** Whether the letter would be larger than what may travel. */
  tooLarge(dataJson: string): boolean {
    return bytesOver(this.#options.maxMessageBytes, dataJson) !== undefined;
  }

  /** Writes to an instance, and again while nobody receives it or the broker is away. Never throws. */
  post(letter: OutgoingLetter): void {
    letter.until = letter.insistence?.until ?? this.#options.clock.now() + INSISTENCE;
    letter.body = this.#encode(letter.kind, letter.request, letter.dataJson, letter.sequence);
    letter.pause = FIRST_PAUSE;
    this.#send(letter);
  }

  #send(letter: OutgoingLetter): void {
    const sending = this.#options.transport.send(this.addressOf(letter.to), letter.body);
    if (sending === this.#sending) this.#together.push(letter);
    else this.#follow(sending, [letter]);
  }

  #follow(sending: Promise<boolean>, letters: OutgoingLetter[]): void {
    this.#sending = sending;
    this.#together = letters;
    sending.then(
      (received) => {
        this.#sent(sending);
        for (const letter of letters) {
          if (received) letter.done?.(true);
          else this.#sendLater(letter);
        }
      },
      (error: unknown) => {
        this.#sent(sending);
        for (const letter of letters) this.#refused(letter, error);
      },
    );
  }

  #sent(sending: Promise<boolean>): void {
    if (this.#sending === sending) this.#sending = undefined;
  }

  #refused(letter: OutgoingLetter, error: unknown): void {
    if (isPassing(error)) {
      this.#sendLater(letter);
      return;
    }
    const { to, kind, request } = letter;
    if (!(BelfryError.is(error) && error.code === 'BUS_CLOSED'))
      this.#options.logger.error({ to, kind, request, err: error }, 'A message about a request could not be sent.');
    letter.done?.(false);
  }

  /** Sends it again after the pause, or gives it up. */
  #sendLater(letter: OutgoingLetter): void {
    const { clock } = this.#options;
    const { pause, until, body } = letter;
    if (clock.now() + pause > until || !letter.isWanted || !this.#hasRoomFor(body.length)) {
      letter.done?.(false);
      return;
    }
    this.#waiting++;
    this.#waitingSize += body.length;
    clock.after(pause, () => {
      this.#waiting--;
      this.#waitingSize -= body.length;
      letter.pause = Math.min(pause * 1.5, LONGEST_PAUSE);
      if (letter.isWanted) this.#send(letter);
      else letter.done?.(false);
    });
  }

  #hasRoomFor(size: number): boolean {
    const isFull = this.#waiting >= MOST_WAITING || this.#waitingSize + size > MAX_WAITING;
    if (!isFull || this.#waiting === 0) return true;
    this.#rejections.crowded(
      { waiting: this.#waiting },
      'Too many messages about requests wait for instances that do not receive them: some are given up at once. Somebody asks, and is not there to hear.',
    );
    return false;
  }

  /** Stops receiving letters. */
  async close(): Promise<void> {
    // What is not confirmed yet ends with the transport, which is closed next; it may be one that waits for ever.
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const link = await this.#link?.catch(() => undefined);
    await link?.end();
  }

  readonly #receive = (body: string): void => {
    // What is around the data; and a letter with many values may be larger than a message.
    const limit = Math.max(this.#options.maxMessageBytes, 3 * LONGEST_PART) + ENVELOPE;
    if (bytesOver(limit, body) !== undefined) {
      this.#tooLarge(body, limit);
      return;
    }
    let letter: Letter;
    try {
      letter = decodeLetter(body);
    } catch (error) {
      const message = BelfryError.is(error) ? error.message : 'It cannot be read.';
      this.#rejections.add({ reason: 'unreadable', channel: this.#address, message });
      return;
    }
    this.#options.receive(letter);
  };

  /** It is not read, but whoever waits for it need not wait any longer. */
  #tooLarge(body: string, limit: number): void {
    this.#rejections.add({ reason: 'tooLarge', channel: this.#address, message: `It is larger than ${limit} bytes.` });
    const head = headOfAnswer(body);
    if (head === undefined) return;
    const failure: Failure = { code: 'PAYLOAD_TOO_LARGE' };
    this.#options.receive({ ...head, kind: 'error', sequence: 0, data: failure, size: 0 });
  }
}

/** The broker is away, or its answer was lost: that passes. */
const isPassing = (error: unknown): boolean =>
  BelfryError.is(error) && (error.code === 'TRANSPORT_UNAVAILABLE' || error.code === 'PUBLISH_UNCONFIRMED');
