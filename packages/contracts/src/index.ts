/**
 * Contracts as plain values. Runs in a browser.
 * @module @belfry/contracts
 */

// Write a message down
export {
  defineEvent,
  type EventContract,
  type EventOptions,
  type Guarantee,
  type RecoverOptions,
  type RecoveryPolicy,
  type RetainOptions,
  type Retention,
} from './event.js';
export { NonRetryableError, RetryLaterError } from './retry-errors.js';
export {
  type AnyRequest,
  type DeclaredErrors,
  defineRequest,
  type ErrorSchemas,
  isRequest,
  type ReplyPayload,
  type RequestContract,
  type RequestErrors,
  type RequestInput,
  type RequestOptions,
  type RequestOutput,
  type RequestPayload,
} from './request.js';
export { type ChannelContract, type ChannelOptions, defineChannel } from './channel.js';

// Read a contract
export { type AnyContract, type AnyEvent, type EventData, type EventInput, isContract } from './contract.js';
export { type Schema, type SchemaInput, type SchemaOutput, type Validation, validate } from './schema.js';
export type { Json, JsonInput, JsonMistake, NotJson } from './json.js';

// Shared by every package
export { isRequestError, RequestError } from './request-error.js';
export { BelfryError, type BelfryErrorOptions, type ErrorCode, type ErrorIssue, errorCodes } from './error.js';
export { type Duration, isDuration, toMilliseconds } from './duration.js';
export { unknownOptions } from './unknown-options.js';
