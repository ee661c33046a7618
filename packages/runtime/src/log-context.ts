import { currentContext } from '@belfry/core';

/** What every log line says of the message that is being handled; nothing outside of a handler. */
export function contextFields(): object {
  const context = currentContext();
  if (context === undefined) return {};
  const { correlationId, messageId, traceparent } = context;
  // version-trace-parent-flags: https://www.w3.org/TR/trace-context/#traceparent-header
  const traceId = traceparent?.split('-')[1];
  return {
    correlationId,
    ...(messageId === undefined ? undefined : { messageId }),
    ...(traceId === undefined ? undefined : { trace_id: traceId }),
  };
}
