// What the state machine of durable delivery takes and gives.

/** One event of a log. */
export interface Entry {
  /** Its place in the log; later entries have later places. */
  readonly id: string;
  /** The envelope, encoded. */
  readonly body: string;
  /** Entries with the same key are handled one at a time, in the order of the log. */
  readonly key: string | undefined;
  /** Which entry of the log it is, from 1: what is missing in between was trimmed. */
  readonly ordinal: number;
  /** It is for this group alone: it was taken from its dead letters. */
  readonly only?: string | undefined;
  /** The envelope's id. */
  readonly messageId?: string | undefined;
}

/** An entry in the hands of an instance. */
export interface Delivery extends Pick<Entry, 'id' | 'body' | 'key'> {
  /** Names this delivery, and no other of any time: only its holder can settle it. */
  readonly token: number;
  /** Which attempt it is, from 1. */
  readonly attempt: number;
}

/** Which delivery of which entry. */
export type DeliveryName = Pick<Delivery, 'id' | 'token'>;

/** What became of a delivery. */
export type Settlement = DeliveryName &
  (
    | {
        readonly outcome: 'done';
        /** Drop this message when it comes again within so many milliseconds. */
        readonly once?: { readonly messageId: string; readonly window: number } | undefined;
        /** Commands that take effect together with this, or not at all. */
        readonly commands?: readonly (readonly string[])[] | undefined;
      }
    /** Again, after so many milliseconds. */
    | { readonly outcome: 'retry'; readonly delay: number }
    /** Never again: it goes to the dead letters. */
    | { readonly outcome: 'dead'; readonly reason: DeathReason }
    /** It was not tried to the end, and counts as no attempt: somebody else may have it at once. */
    | { readonly outcome: 'release' }
  );

/** Why an entry was given up. */
export interface DeathReason {
  readonly code: string;
  readonly message: string;
}

/** An entry as it is given up. */
export interface Death extends Pick<Entry, 'id' | 'body' | 'key'> {
  readonly reason: DeathReason;
  readonly attempts: number;
  readonly firstAt: number;
}

/** What an instance gets when it settles and asks for more. */
export interface Work {
  /** Tokens of deliveries that were not settled: they belonged to somebody else by then, or to nobody. */
  readonly refused: readonly number[];
  /** Tokens of deliveries whose commands were refused, each with the reason: they are still in the hands of the instance. */
  readonly failed: readonly { readonly token: number; readonly message: string }[];
  readonly deliveries: readonly Delivery[];
  /** There is more that could be delivered at once. */
  readonly more: boolean;
  /** In how many milliseconds the next of those that wait is due. */
  readonly dueIn: number | undefined;
  /** The holder had been given up for dead: whatever it held before this call belongs to others. */
  readonly lapsed: boolean;
  /** Of the tokens of its former terms, those that it still holds. */
  readonly kept: readonly number[];
  /** Entries that this call found gone from the log before the group was done with them. */
  readonly lost: number;
  /** Entries that this call dropped because the group had completed them before. */
  readonly repeated: number;
  /** Names the log: another one means that the broker has lost it, and begun again. */
  readonly epoch: string;
  /** How many were ever appended to it: fewer than before means that the broker has lost some. */
  readonly count: number;
}

/** What a group needs of its log. */
export interface Log {
  readonly epoch: string;
  /** How many were ever appended. */
  readonly count: number;
  /** The first entry after a place, or the first of all. */
  after(id: string | undefined): Entry | undefined;
  /** `undefined` when it has been trimmed. */
  get(id: string): Entry | undefined;
}
