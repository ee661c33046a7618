import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A certificate for 127.0.0.1 and localhost that is its own authority, in PEM. */
export interface Certificate {
  readonly key: string;
  readonly certificate: string;
}

const request = `
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = localhost
[extensions]
subjectAltName = IP:127.0.0.1, DNS:localhost
basicConstraints = critical, CA:true
`;

/**
 * Makes a certificate that is good for a day.
 * @throws Error when there is no `openssl` in `PATH`: Node cannot make certificates
 */
export async function makeCertificate(): Promise<Certificate> {
  const folder = await mkdtemp(join(tmpdir(), 'belfry-tls-'));
  try {
    const [config, key, certificate] = ['request.conf', 'key.pem', 'certificate.pem'].map((name) => join(folder, name));
    await writeFile(config!, request);
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    await run('openssl', [
      'req',
      '-x509',
      ...curve,
      '-days',
      '1',
      '-config',
      config!,
      '-keyout',
      key!,
      '-out',
      certificate!,
    ]);
    return { key: await readFile(key!, 'utf8'), certificate: await readFile(certificate!, 'utf8') };
  } catch (cause) {
    throw new Error('startRedis: a certificate for TLS is made by openssl, which did not work: is it in PATH?', {
      cause,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
