/** One mistake found by a schema: what is wrong, and where in the data. Never the data itself. */
export interface ErrorIssue {
  readonly message: string;
  /** Path into the data, for example `items.0.sku`; absent when the whole is wrong. */
  readonly path?: string;
}

export interface BelfryErrorOptions {
  /** What happened and where: names the contract and the instance, never the payload. */
  readonly message: string;
  /** How to mend it, in one sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** Names one failure, here and in the log of the instance where it happened. */
  readonly errorId?: string;
  /** What a schema found, when a schema refused. */
  readonly issues?: readonly ErrorIssue[];
}

/**
 * The one error class of Belfry. Programs branch on `code`, people read `message` and `hint`.
 * Every code is listed in docs/errors.md; a retired code is never used again.
 */
export class BelfryError<Code extends string = ErrorCode> extends Error {
  override readonly name: string = 'BelfryError';
  readonly code: Code;
  readonly hint: string | undefined;
  /** Names one failure, here and in the log of the instance where it happened: with `HANDLER_FAILED`. */
  declare readonly errorId?: string;
  /** What a schema found. Not enumerable: its words may quote the payload, and loggers print what is enumerable. */
  declare readonly issues: readonly ErrorIssue[];

  constructor(code: Code, { message, hint, cause, errorId, issues = [] }: BelfryErrorOptions) {
    super(
      hint === undefined ? `${code}: ${message}` : `${code}: ${message} ${hint}`,
      cause === undefined ? undefined : { cause },
    );
    this.code = code;
    this.hint = hint;
    if (errorId !== undefined) this.errorId = errorId;
    Object.defineProperty(this, 'issues', { value: issues, enumerable: false });
  }

  /**
   * True for a `BelfryError`, also for one made by another copy of this package: its code is one of {@link errorCodes}. A `RequestError`, whose
   * code is a contract's own, is told by `isRequestError`, or by `contract.isError`. Never throws.
   */
  static is(value: unknown): value is BelfryError {
    try {
      return value instanceof Error && value.name === 'BelfryError' && 'code' in value;
    } catch {
      return false; // a proxy, whose traps throw
    }
  }
}

/** Every code that Belfry throws or rejects with. docs/errors.md explains each; a test holds the two together. */
export const errorCodes = [
  'BUS_CLOSED',
  'CLAIM_LOST',
  'COMMIT_REFUSED',
  'CONFIG_INVALID',
  'CONTRACT_INVALID',
  'DUPLICATE_HANDLER',
  'DUPLICATE_RESPONDER',
  'ENVELOPE_INVALID',
  'EVICTION_UNSAFE',
  'GROUP_BUSY',
  'HANDLER_CRASHED',
  'HANDLER_FAILED',
  'HANDLER_INVALID',
  'HANDLER_UNRESOLVED',
  'HEALTH_PORT_UNAVAILABLE',
  'NOT_READY',
  'NO_RESPONDERS',
  'OPTION_INVALID',
  'PAYLOAD_INVALID',
  'PAYLOAD_TOO_LARGE',
  'PUBLISH_REFUSED',
  'PUBLISH_UNCONFIRMED',
  'REPLY_INVALID',
  'REPLY_LOST',
  'REQUEST_ABORTED',
  'REQUEST_REJECTED',
  'REQUEST_TIMEOUT',
  'RIGHTS_MISSING',
  'STORAGE_FULL',
  'SUBSCRIBE_REFUSED',
  'TRANSPORT_UNAVAILABLE',
  'TRANSPORT_UNKNOWN',
  'UNSUPPORTED',
] as const;

/** A stable code of {@link BelfryError}. */
export type ErrorCode = (typeof errorCodes)[number];
