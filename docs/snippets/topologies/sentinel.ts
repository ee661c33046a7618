import { redisTransport } from 'belfry';

export function behindSentinels(sentinels: { host: string; port: number }[], passwords: Record<string, string>) {
  // #region sentinel
  const transport = redisTransport({
    redis: {
      sentinels, // [{ host: 'sentinel-1', port: 26379 }, { host: 'sentinel-2', port: 26379 }, …]
      name: 'mymaster',
      password: passwords.redis, // and username; those of Redis
      sentinelPassword: passwords.sentinel, // and sentinelUsername; those of the Sentinels
    },
    patience: '15s', // longer than a failover takes
  });
  // #endregion
  return transport;
}
