import { readFileSync } from 'node:fs';
import { redisTransport } from 'belfry';

export function overTls(url: string, folder: string) {
  // #region tls
  const file = (name: string) => readFileSync(`${folder}/${name}`);
  const transport = redisTransport({
    url, // rediss://app:password@redis.example:6379
    redis: { tls: { ca: file('ca.pem'), cert: file('billing.pem'), key: file('billing-key.pem') } },
  });
  // #endregion
  return transport;
}
