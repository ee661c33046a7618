import { BelfryError } from '@belfry/contracts';
import { decodeEnvelope } from './envelope.js';
import { isInstance } from './identity.js';

/**
 * What two instances write into each other's inboxes about one request.
 * To the caller: `reply`, the output; `values`, some of a stream's, their `sequence` being the first one's number; `end`, after `sequence`
 * values; `error`, after `sequence` values.
 * To the responder: `credit`, the number of values that it may have sent in all; `cancel`, nobody waits any more.
 */
export type LetterKind = 'reply' | 'values' | 'end' | 'error' | 'credit' | 'cancel';

/** One of them, read. */
export interface Letter {
  readonly kind: LetterKind;
  /** The request that it is about. */
  readonly request: string;
  /** `/service/instance` of who wrote it. */
  readonly source: string;
  readonly sequence: number;
  readonly data: unknown;
  /** Characters. */
  readonly size: number;
}

/** What an `error` letter says. */
export interface Failure {
  /**
   * One that the contract declares, `HANDLER_FAILED`, `REQUEST_REJECTED`, or of a stream `REQUEST_TIMEOUT`. `PAYLOAD_TOO_LARGE` says the inbox
   * of the caller itself.
   */
  readonly code: string;
  /** What comes with a declared error. */
  readonly data?: unknown;
  /** Stands in the responder's log too. */
  readonly errorId?: string;
  /** Why it was rejected, for people. */
  readonly reason?: string;
  /** The handler's own words: only when the responder's bus has `exposeErrors`. */
  readonly detail?: { readonly message: string; readonly stack?: string };
}

/** A stream's caller permits so many values before it has said anything. A part of the wire: both sides know it. */
export const FIRST_CREDIT = 128;

/** What one letter holds, in characters, where there is more than one value. */
export const LONGEST_PART = 65_536;

const TYPE = /^belfry\.(reply|values|end|error|credit|cancel)$/;

/** Encodes as CloudEvents, with the request as their cause. */
export const letterEncoder = (source: string, nextId: () => string) => {
  const from = `","source":${JSON.stringify(source)},"type":"belfry.`;
  return (kind: LetterKind, request: string, dataJson?: string, sequence?: number): string =>
    `{"specversion":"1.0","id":"${nextId()}${from}${kind}","causationid":${JSON.stringify(request)}${
      sequence === undefined ? '' : `,"sequence":"${sequence}"`
    }${dataJson === undefined ? '' : `,"data":${dataJson}`}}`;
};

/** @throws BelfryError `ENVELOPE_INVALID` */
export function decodeLetter(body: string): Letter {
  const { type, causationid, source, sequence = '0', data } = decodeEnvelope(body);
  const kind = TYPE.exec(type)?.[1] as LetterKind | undefined;
  if (kind === undefined || !isRequestId(causationid) || !/^\d{1,15}$/.test(String(sequence)))
    throw unreadable('it is no letter about a request');
  if (!isInstance(source)) throw unreadable('it does not say who wrote it'); // it may have to be answered
  if (kind === 'values' && !Array.isArray(data)) throw unreadable('its values are no list');
  if (kind === 'credit' && !Number.isSafeInteger(data)) throw unreadable('its credit is no whole number');
  if (kind === 'error' && !isFailure(data)) throw unreadable('its error does not say what happened');
  return { kind, request: causationid, source, sequence: Number(sequence), data, size: body.length };
}

/** Who answers which request, of a letter that is too large to be read: as Belfry writes it; `undefined` for any other. */
export function headOfAnswer(body: string): Pick<Letter, 'source' | 'request'> | undefined {
  const [, source, request] = ANSWER.exec(body.slice(0, 1024)) ?? [];
  return source === undefined || request === undefined || !isInstance(source) ? undefined : { source, request };
}

const ANSWER =
  /^\{"specversion":"1.0","id":"[^"\\]+","source":"([^"\\]+)","type":"belfry\.(?:reply|values|error)","causationid":"([^"\\]+)"/;

/** Belfry's own have some twenty characters. A longer one than this is nobody's, and an answer to it would be as long. */
const LONGEST_ID = 1000;

const isRequestId = (id: string | undefined): id is string => id !== undefined && id.length <= LONGEST_ID;

const unreadable = (what: string): BelfryError =>
  new BelfryError('ENVELOPE_INVALID', { message: `a message in an instance's inbox cannot be read: ${what}.` });

function isFailure(data: unknown): data is Failure {
  if (typeof data !== 'object' || data === null) return false;
  const { code, errorId, reason, detail } = data as Partial<Failure>;
  return typeof code === 'string' && isText(errorId) && isText(reason) && (detail === undefined || isDetail(detail));
}

const isDetail = (detail: Failure['detail'] | null): boolean =>
  typeof detail?.message === 'string' && isText(detail.stack);

const isText = (value: unknown): boolean => value === undefined || typeof value === 'string';
