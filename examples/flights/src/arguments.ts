import { parseArgs } from 'node:util';
import { DEFAULT_BOARD_PORT, isPort } from './page-address.js';

export const usage = `npm run demo -- [options]

  --redis [url]   run every service in a process of its own, over Redis
                  (default: BELFRY_URL, then redis://127.0.0.1:6379)
  --seconds N     how long the replay takes, 1 to 600 (default: 15)
  --board [port]  show the departure board at http://127.0.0.1:port too (default: ${DEFAULT_BOARD_PORT})
  --work N        milliseconds that \`delays\` spends on each flight, 0 to 1000 (default: 0)
  --help

Without --redis everything runs in one process, unless BELFRY_URL names a Redis.`;

export interface Arguments {
  /** Absent: one process. */
  readonly redisUrl: string | undefined;
  readonly seconds: number;
  readonly workTimeMs: number;
  /** Absent: the board is shown in the terminal only. */
  readonly boardPort: number | undefined;
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
    boardPort: values.board === undefined ? undefined : portOf(values.board),
    help: values.help,
  };
}

function numberWithin(least: number, most: number, option: string, text: string): number {
  const number = text.trim() === '' ? Number.NaN : Number(text);
  if (number >= least && number <= most) return number;
  throw new UsageError(`${option} must be a number from ${least} to ${most}, not ${JSON.stringify(text)}.`);
}

function portOf(text: string): number {
  if (isPort(text)) return Number(text);
  throw new UsageError(`--board must be followed by a port, from 0 to 65535, not ${JSON.stringify(text)}.`);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      // The URL after --redis may be left out, which parseArgs has no word for: to it, the URL is an argument of its own. So may the port.
      args: args.flatMap((arg, index) => {
        if (arg.startsWith('--redis=')) return ['--redis', arg.slice('--redis='.length)];
        const isBare = arg === '--board' && !/^\d/.test(args[index + 1] ?? '');
        return [isBare ? `--board=${DEFAULT_BOARD_PORT}` : arg];
      }),
      allowPositionals: true,
      options: {
        redis: { type: 'boolean', default: false },
        seconds: { type: 'string', default: '15' },
        work: { type: 'string', default: '0' },
        board: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message.split('. ')[0]);
  }
}
