/**
 * Settings of redis.conf by name, as `{ maxmemory: '10mb', 'client-output-buffer-limit': 'pubsub 1mb 0 0' }`. A value is
 * written as it would be in the file, so text with spaces needs quotes inside; a list stands for repeated lines.
 */
export type RedisConfig = Readonly<Record<string, string | readonly string[]>>;

/** Nothing is kept on disk. */
export const diskless: RedisConfig = { save: '', appendonly: 'no' };

/** The text of a redis.conf. Where settings repeat a name, the later ones replace the earlier. */
export function redisConf(...settings: readonly RedisConfig[]): string {
  return Object.entries(Object.assign({}, ...settings) as RedisConfig)
    .flatMap(([name, values]) => [values].flat().map((value) => `${name} ${value === '' ? '""' : value}\n`))
    .join('');
}
