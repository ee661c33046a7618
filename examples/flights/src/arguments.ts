import { parseArgs } from 'node:util';

export const usage = `npm run demo -- [options]

  --redis [url]   run every service in a process of its own, over Redis
                  (default: BELFRY_URL, then redis://127.0.0.1:6379)
  --seconds N     how long the replay takes, 1 to 600 (default: 15)
  --work N        milliseconds that \`delays\` spends on each flight, 0 to 1000 (default: 0)
  --help

Without --redis everything runs in one process, unless BELFRY_URL names a Redis.`;

export interface Arguments {
  /** Absent: one process. */
  readonly redisUrl: string | undefined;
  readonly seconds: number;
  readonly workTimeMs: number;
  readonly help: boolean;
}

const isRedis = (url: string | undefined): url is string => /^rediss?:\/\//.test(url ?? '') && URL.canParse(url ?? '');

/** The program was called in a way that makes no sense. */
export class UsageError extends Error {}

/** @throws UsageError that says what is wrong with the arguments */
export function readArguments(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Arguments {
  const { values, positionals } = parse(args);
  const [given, ...tooMany] = positionals;
  if (tooMany.length > 0 || (given !== undefined && !values.redis))
    throw new UsageError(
      `What is ${JSON.stringify(positionals.at(-1))}? A URL may stand after --redis, and nothing else.`,
    );
  const named = given ?? (isRedis(env.BELFRY_URL) ? env.BELFRY_URL : undefined);
  const redisUrl = named ?? (values.redis ? 'redis://127.0.0.1:6379' : undefined);
  if (redisUrl !== undefined && !isRedis(redisUrl))
    throw new UsageError('The URL after --redis must be like redis://127.0.0.1:6379, or rediss:// for TLS.');
  return {
    redisUrl,
    seconds: numberWithin(1, 600, '--seconds', values.seconds),
    workTimeMs: numberWithin(0, 1000, '--work', values.work),
    help: values.help,
  };
}

function numberWithin(least: number, most: number, option: string, text: string): number {
  const number = text.trim() === '' ? Number.NaN : Number(text);
  if (number >= least && number <= most) return number;
  throw new UsageError(`${option} must be a number from ${least} to ${most}, not ${JSON.stringify(text)}.`);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      // The URL after --redis may be left out, which parseArgs has no word for: to it, the URL is an argument of its own.
      args: args.flatMap((arg) => (arg.startsWith('--redis=') ? ['--redis', arg.slice('--redis='.length)] : [arg])),
      allowPositionals: true,
      options: {
        redis: { type: 'boolean', default: false },
        seconds: { type: 'string', default: '15' },
        work: { type: 'string', default: '0' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message.split('. ')[0]);
  }
}
