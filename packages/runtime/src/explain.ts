import { BelfryError } from '@belfry/contracts';

/** Why a service did not start, for people. */
export function explain(name: unknown, error: unknown): string {
  const title = `${typeof name === 'string' ? name : 'The service'} did not start.`;
  if (!BelfryError.is(error)) return `${title}\n${error instanceof Error ? error.stack : String(error)}`;
  return `${title}\n${error.message}${untold(error)}`;
}

/** What is underneath, if the message has not said it already; of a class that could not be made it has, in better words. */
function untold({ code, message, cause }: BelfryError): string {
  if (!(cause instanceof Error) || cause instanceof AggregateError || code === 'HANDLER_UNRESOLVED') return '';
  return message.includes(cause.message) ? '' : `\nCause: ${cause.message}`;
}
