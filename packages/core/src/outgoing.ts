import { type AnyContract, type AnyRequest, BelfryError, type ErrorIssue } from '@belfry/contracts';
import type { Causality } from './context.js';
import type { EnvelopeAttributes, ExtensionValue } from './envelope.js';

/** What a single message may be told on its way out. What is absent is taken from the contract and the current context. */
export interface OutgoingOptions {
  /** Instead of what the contract's `key` makes of the data. */
  readonly key?: string;
  readonly correlationId?: string;
  readonly causationId?: string;
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** CloudEvents extension attributes to send along: names of lower-case letters and digits. */
  readonly extensions?: Readonly<Record<string, ExtensionValue>>;
}

/** For messages: what it is that goes out. */
export const subjectOf = (contract: AnyContract | AnyRequest): string => {
  if (contract.kind === 'channel') return `the payload for channel ${contract.name}`;
  return `the ${contract.kind} ${contract.name} (version ${contract.version})`;
};

/** @throws BelfryError `PAYLOAD_INVALID` */
export function keyOf(contract: AnyContract | AnyRequest, data: unknown): string | undefined {
  if (contract.kind === 'channel' || contract.key === undefined) return undefined;
  let key: unknown;
  try {
    key = contract.key(data);
  } catch (error) {
    throw invalid(contract, `were refused by its key function (${error instanceof Error ? error.name : typeof error})`);
  }
  if (typeof key !== 'string')
    throw invalid(contract, `have no key: its key function returned ${typeof key}, not a string`);
  return key;
}

/** The data as JSON; `undefined` when they cannot be written as such. The engine's own message may name fields of the payload. */
export function jsonOf(data: unknown): string | undefined {
  try {
    return JSON.stringify(data);
  } catch {
    return undefined;
  }
}

/** @throws BelfryError `PAYLOAD_INVALID` */
export function toJson(contract: AnyContract | AnyRequest, data: unknown): string {
  const json = jsonOf(data);
  if (json === undefined) throw invalid(contract, 'cannot be written as JSON');
  return json;
}

/** How many bytes a message has, when that is more than the limit. */
export function bytesOver(limit: number, body: string): number | undefined {
  if (body.length * 3 <= limit) return undefined; // a character is three bytes at most
  const bytes = Buffer.byteLength(body);
  return bytes > limit ? bytes : undefined;
}

/** @throws BelfryError `PAYLOAD_TOO_LARGE` */
export function checkSize(contract: AnyContract | AnyRequest, body: string, maxMessageBytes: number): void {
  const bytes = bytesOver(maxMessageBytes, body);
  if (bytes === undefined) return;
  throw new BelfryError('PAYLOAD_TOO_LARGE', {
    message: `${subjectOf(contract)} is ${bytes} bytes, more than the limit of ${maxMessageBytes}; it was not sent.`,
    hint: 'Send a reference to the large part instead, or raise maxMessageBytes on both sides.',
  });
}

/** The attributes that come from the options, else from the message being handled. */
export const causalityOf = (
  options: OutgoingOptions,
  context: Causality | undefined,
): Pick<EnvelopeAttributes, 'correlationId' | 'causationId' | 'traceparent' | 'tracestate'> => ({
  correlationId: options.correlationId ?? context?.correlationId,
  causationId: options.causationId ?? context?.messageId,
  traceparent: options.traceparent ?? context?.traceparent,
  tracestate: options.tracestate ?? context?.tracestate,
});

const textOptions = ['key', 'correlationId', 'causationId', 'traceparent', 'tracestate'];

/**
 * Programs without types may say anything: what no receiver could read must not travel.
 * @param others options that the caller of this looks at itself
 */
export function mistakeIn(
  verb: 'publish' | 'request',
  contract: AnyContract | AnyRequest,
  options: OutgoingOptions,
  others: readonly string[] = [],
): BelfryError | undefined {
  for (const name in options) {
    const value: unknown = options[name as keyof OutgoingOptions];
    const isText = textOptions.includes(name);
    if (value === undefined || others.includes(name)) continue;
    if (isText ? typeof value === 'string' : name === 'extensions' && typeof value === 'object') continue;
    const mistake = isText
      ? 'must be a text'
      : name === 'extensions'
        ? 'must be an object'
        : `is no option of ${verb}()`;
    return new BelfryError('OPTION_INVALID', {
      message: `${subjectOf(contract)}: ${JSON.stringify(name)} ${mistake}.`,
      hint: `There are ${[...textOptions, 'extensions', ...others].join(', ')}.`,
    });
  }
  return undefined;
}

const reserved =
  /^(specversion|id|source|type|time|datacontenttype|dataschema|dataversion|subject|data|partitionkey|correlationid|causationid|traceparent|tracestate|sequence|uncertain|cursor|timeoutms)$/;

/** @throws BelfryError `OPTION_INVALID` for an extension attribute that could not travel */
export function checkExtensions(
  contract: AnyContract | AnyRequest,
  extensions: Readonly<Record<string, unknown>> | undefined,
): void {
  for (const name in extensions) {
    const value = extensions[name];
    const nameFits = /^[a-z0-9]+$/.test(name) && !reserved.test(name);
    if (nameFits && (typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value))) continue;
    throw new BelfryError('OPTION_INVALID', {
      message: `${subjectOf(contract)} cannot carry the extension attribute ${JSON.stringify(name)}${nameFits ? ` with a value of type ${typeof value}` : ''}.`,
      hint: nameFits
        ? 'Values are texts, finite numbers, true or false.'
        : 'Names are lower-case letters and digits, and none that CloudEvents or Belfry uses itself.',
    });
  }
}

export function invalid(
  contract: AnyContract | AnyRequest,
  what: string,
  issues: readonly ErrorIssue[] = [],
): BelfryError {
  const places = placesOf(issues).join(', ');
  return new BelfryError('PAYLOAD_INVALID', {
    message: `the data for ${subjectOf(contract)} ${what}${places && `, at ${places}`}; it was not sent.`,
    hint: issues.length > 0 ? "The error's `issues` say what the schema found." : 'See the contract.',
    issues,
  });
}

/** So many places are told, and so much of each, in characters: whoever writes the data decides how many there are. */
const MOST_PLACES = 10;
const LONGEST_PLACE = 200;

/** Only where, not what: a schema's words may quote the payload. */
export function placesOf(issues: readonly ErrorIssue[]): string[] {
  const places = issues.slice(0, MOST_PLACES).map(({ path = '(the whole)' }) => shortened(path, LONGEST_PLACE));
  const more = issues.length - places.length;
  return more > 0 ? [...places, `${more} more`] : places;
}

/** What somebody else has written, for a log line: no longer than that. */
export const shortened = (text: string, limit: number): string =>
  text.length > limit ? `${text.slice(0, limit)}…` : text;

// Belfry's own ids have some twenty characters. A stranger's may have a million.
const LONGEST_ID = 200;

/** Which message it is, for a log line. */
export const idsOf = ({
  messageId,
  correlationId,
}: {
  readonly messageId: string;
  readonly correlationId: string;
}) => ({
  messageId: shortened(messageId, LONGEST_ID),
  correlationId: shortened(correlationId, LONGEST_ID),
});
