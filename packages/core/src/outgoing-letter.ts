import type { LetterKind } from './letter.js';

/** How long a letter is insisted on that nobody receives. */
export interface Insistence {
  /** On the clock. */
  readonly until: number;
  /** Asked before each further attempt. */
  readonly isWanted: boolean;
}

/** A letter to be written, and again while nobody receives it: the other side knows a letter that comes twice. */
export class OutgoingLetter {
  /** `/service/instance` */
  readonly to: string;
  readonly kind: LetterKind;
  /** The request that it is about. */
  readonly request: string;
  readonly dataJson: string | undefined;
  readonly sequence: number | undefined;
  readonly insistence: Insistence | undefined;
  /** Called once it was received, or given up. */
  readonly done: ((received: boolean) => void) | undefined;
  /** As it travels. */
  body = '';
  /** Until when it is insisted on, on the clock. */
  until = 0;
  /** Before the next attempt, in milliseconds. */
  pause = 0;

  /** @param insistence absent: for some seconds */
  constructor(
    to: string,
    kind: LetterKind,
    request: string,
    dataJson?: string,
    sequence?: number,
    insistence?: Insistence,
    done?: (received: boolean) => void,
  ) {
    this.to = to;
    this.kind = kind;
    this.request = request;
    this.dataJson = dataJson;
    this.sequence = sequence;
    this.insistence = insistence;
    this.done = done;
  }

  get isWanted(): boolean {
    return this.insistence?.isWanted ?? true;
  }
}
