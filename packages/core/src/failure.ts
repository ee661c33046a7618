import {
  type AnyRequest,
  BelfryError,
  type ErrorIssue,
  RequestError,
  type Schema,
  type Validation,
  validate,
} from '@belfry/contracts';
import type { Failure, Letter } from './letter.js';
import { placesOf } from './outgoing.js';

/**
 * Reads an `error` letter: an error that the contract declares, with its data as the schema gives them; else one of Belfry's.
 * @param check whether the data are asked of the schema
 * @param timeout how long the caller would have waited, in milliseconds
 */
export function errorOf(
  contract: AnyRequest,
  { data, source }: Letter,
  check: boolean,
  timeout: number,
): unknown | Promise<unknown> {
  const failure = data as Failure;
  const schema = declared(contract, failure.code);
  if (schema === undefined) return ofBelfry(contract, source.slice(1), failure, timeout);
  const read = (validation: Validation): unknown =>
    validation.valid
      ? new RequestError(contract, failure.code, validation.value)
      : replyInvalid(contract, validation.issues);
  if (schema === null || !check) return read({ valid: true, value: failure.data });
  const validation = validate(schema, failure.data);
  return validation instanceof Promise ? validation.then(read) : read(validation);
}

/** Whether the contract declares what an `error` letter says. */
export const isDeclared = (contract: AnyRequest, { data }: Letter): boolean =>
  declared(contract, (data as Failure).code) !== undefined;

const declared = (contract: AnyRequest, code: string): Schema | null | undefined =>
  Object.hasOwn(contract.errors, code) ? contract.errors[code] : undefined;

/** The caller's signal, or that of the request that it was handling. */
export const aborted = ({ channel }: AnyRequest, reason: unknown): BelfryError =>
  new BelfryError('REQUEST_ABORTED', {
    message: `${channel} was aborted by its caller.`,
    hint: 'The cause is the reason of the signal.',
    cause: reason,
  });

/** A schema or a middleware on the caller's side has not come to an end. */
export const notInTime = ({ channel }: AnyRequest, milliseconds: number): BelfryError =>
  new BelfryError('REQUEST_TIMEOUT', {
    message: `${channel} was not done within ${Math.round(milliseconds)} ms: the caller's own middleware or schema takes longer.`,
    hint: 'It may have been handled.',
  });

/** What came back does not fit the contract. */
export const replyInvalid = ({ channel }: AnyRequest, issues: readonly ErrorIssue[]): BelfryError => {
  const places = placesOf(issues).join(', ');
  return new BelfryError('REPLY_INVALID', {
    message: `the answer to ${channel} does not fit the contract${places && `, at ${places}`}.`,
    hint: "Do both sides have the same version of the contract? The error's `issues` say what the schema found.",
    issues,
  });
};

function ofBelfry({ channel }: AnyRequest, responder: string, failure: Failure, timeout: number): BelfryError {
  const { code, errorId, reason, detail } = failure;
  if (code === 'REQUEST_REJECTED') {
    return new BelfryError(code, {
      message: `${responder} did not handle ${channel}: ${reason ?? 'it gave no reason'}.`,
    });
  }
  if (code === 'REQUEST_TIMEOUT') {
    return new BelfryError(code, {
      message: `the next value of ${channel} did not come within ${Math.round(timeout)} ms by ${responder}.`,
      hint: 'The timeout is for each value: raise it, or give values more often.',
    });
  }
  if (code === 'PAYLOAD_TOO_LARGE') {
    return new BelfryError(code, {
      message: `what ${responder} answered to ${channel} is larger than what is read here, and was not read.`,
      hint: 'Answer with a stream of smaller parts, or raise maxMessageBytes on both sides.',
    });
  }
  if (code !== 'HANDLER_FAILED') {
    return new BelfryError('REPLY_INVALID', {
      message: `${responder} answered ${channel} with an error that this side's contract does not declare.`,
      hint: 'Do both sides have the same version of the contract?',
    });
  }
  const id = errorId ?? 'without an id';
  return new BelfryError(code, {
    message: `the handler of ${channel} at ${responder} failed (${id}).`,
    hint: 'The log of that instance says why, under this id as errorId.',
    ...(errorId === undefined ? {} : { errorId }),
    ...(detail === undefined ? {} : { cause: causeFrom(detail) }),
  });
}

function causeFrom({ message, stack }: NonNullable<Failure['detail']>): Error {
  const cause = new Error(message);
  if (stack !== undefined) cause.stack = stack;
  return cause;
}
