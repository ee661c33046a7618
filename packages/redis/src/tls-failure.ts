const untrusted = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
];

/** What OpenSSL says, as part of it. */
const alerts: readonly [part: string, meaning: string][] = [
  ['certificate required', 'Redis wants to see a client certificate (tls: { cert, key })'],
  ['unknown ca', 'Redis does not trust the authority of the client certificate'],
  ['certificate expired', 'Redis finds that the client certificate has expired'],
  ['wrong version number', 'what answers there does not speak TLS: is rediss:// right?'],
];

/** What went wrong with TLS, in words: OpenSSL's are made for its developers. Undefined: something else went wrong. */
export function tlsReasonOf(error: Error): string | undefined {
  const code = 'code' in error ? String(error.code) : '';
  if (untrusted.includes(code)) {
    return `${error.message}: the authority of its certificate is not trusted here (tls: { ca })`;
  }
  const [, text] = /:SSL routines:[^:]*:([^:]+)/.exec(error.message) ?? [];
  if (text === undefined) return undefined;
  return alerts.find(([part]) => text.includes(part))?.[1] ?? `TLS failed: ${text}`;
}
