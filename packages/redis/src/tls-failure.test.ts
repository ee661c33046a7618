import { expect, it } from 'vitest';
import { tlsReasonOf } from './tls-failure.js';

const opensslError = (text: string) =>
  new Error(
    `80DC:error:0A00045C:SSL routines:ssl3_read_bytes:${text}:../deps/openssl/rec_layer_s3.c:1601:SSL alert number 116\n`,
  );

it.each([
  ['tlsv13 alert certificate required', 'Redis wants to see a client certificate'],
  ['tlsv1 alert unknown ca', 'does not trust the authority of the client certificate'],
  ['wrong version number', 'does not speak TLS'],
  ['sslv3 alert handshake failure', 'TLS failed: sslv3 alert handshake failure'],
])('says what OpenSSL means by: %s', (text, meaning) => {
  expect(tlsReasonOf(opensslError(text))).toContain(meaning);
  expect(tlsReasonOf(opensslError(text))).not.toContain('deps');
});

it('says that an authority is not trusted', () => {
  const error = Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  expect(tlsReasonOf(error)).toBe(
    'self-signed certificate: the authority of its certificate is not trusted here (tls: { ca })',
  );
});

it('has nothing to say of other errors', () => {
  expect(tlsReasonOf(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))).toBeUndefined();
});
