import { randomBytes } from 'node:crypto';
import type { RedisConfig } from './redis-config.js';
import { type Certificate, makeCertificate } from './tls-certificate.js';

/** How a server is to be protected. */
export interface Protection {
  /** Over TLS alone, with a certificate of its own; `mutual`: only for clients that have one, too. */
  readonly tls?: boolean | 'mutual';
  /** What the user `app` may do; nobody else may do anything, except an administrator. */
  readonly acl?: string;
}

/** What a client shows, in PEM. */
export interface ClientCertificate {
  readonly key: string;
  readonly cert: string;
}

/** A protected server, as it is started and as it is reached. */
export interface Security {
  readonly config: RedisConfig;
  /** Files that the config names, by name: they lie in the server's folder. */
  readonly files: Readonly<Record<string, string>>;
  /** Whom to trust. */
  readonly ca: string | undefined;
  /** What a client has to show: the server would accept any that its authority, which is the certificate itself, has signed. */
  readonly clientCertificate: ClientCertificate | undefined;
  /** `app:secret@`, for a URL. */
  readonly login: string;
  /** The same for who may do everything. */
  readonly adminLogin: string;
}

/** What concerns the server alone. */
export type Protected = Pick<Security, 'files' | 'ca' | 'clientCertificate'>;

/** Everybody may do everything. */
export const unprotected: Protected = { files: {}, ca: undefined, clientCertificate: undefined };

const KEY = 'tls-key.pem';
const CERTIFICATE = 'tls-certificate.pem';

/** Makes what a protected server needs. */
export async function secure({ tls = false, acl }: Protection): Promise<Security> {
  const certificate = tls ? await makeCertificate() : undefined;
  const [password, adminPassword] = [secret(), secret()];
  return {
    config: {
      ...(acl !== undefined && { requirepass: adminPassword, user: `app on >${password} ${acl}` }),
      ...(tls && { 'tls-auth-clients': tls === 'mutual' ? 'yes' : 'no' }),
    },
    files: filesOf(certificate),
    ca: certificate?.certificate,
    clientCertificate:
      certificate === undefined || tls !== 'mutual'
        ? undefined
        : { key: certificate.key, cert: certificate.certificate },
    login: acl === undefined ? '' : `app:${password}@`,
    adminLogin: acl === undefined ? '' : `default:${adminPassword}@`,
  };
}

const filesOf = (certificate: Certificate | undefined): Record<string, string> =>
  certificate === undefined ? {} : { [KEY]: certificate.key, [CERTIFICATE]: certificate.certificate };

/** Where a server listens: with a certificate, by TLS alone. */
export const listening = (port: string, folder: string, { ca }: Pick<Security, 'ca'>): RedisConfig =>
  ca === undefined
    ? { port }
    : {
        port: '0',
        'tls-port': port,
        'tls-key-file': `${folder}/${KEY}`,
        'tls-cert-file': `${folder}/${CERTIFICATE}`,
        'tls-ca-cert-file': `${folder}/${CERTIFICATE}`,
      };

/** Options of redis-cli for a client in the server's folder that has to show something. */
export const shown = (clientCertificate: ClientCertificate | undefined, folder: string): readonly string[] =>
  clientCertificate === undefined ? [] : ['--cert', `${folder}/${CERTIFICATE}`, '--key', `${folder}/${KEY}`];

const secret = (): string => randomBytes(16).toString('hex');
