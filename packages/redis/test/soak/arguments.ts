import { parseArgs } from 'node:util';

/** What a soak is told. */
export interface SoakOptions {
  /** How long faults come. */
  readonly seconds: number;
  /** Which faults come. */
  readonly seed: number;
  /** Tells what happened to what does not add up, and all that went wrong in between. */
  readonly verbose: boolean;
}

const usage =
  'usage: npm run test:soak [-- --seconds <1 to 3600, default 120> --seed <whole number, default by chance> --verbose]';
const MOST_SECONDS = 3600;
const MOST_SEED = 2 ** 31;

/** Reads the command line; or says what is wrong with it. */
export function readArguments(args: readonly string[]): SoakOptions | { readonly mistake: string } {
  const mistakes: string[] = [];
  const wholeNumber = (name: string, text: string, least: number, most: number): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most))
      mistakes.push(`--${name} must be a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`);
    return value;
  };
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seconds: { type: 'string', default: '120' },
        seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
        verbose: { type: 'boolean', default: false },
      },
    });
    const seconds = wholeNumber('seconds', values.seconds, 1, MOST_SECONDS);
    const seed = wholeNumber('seed', values.seed, 0, MOST_SEED);
    if (mistakes.length === 0) return { seconds, seed, verbose: values.verbose };
  } catch (error) {
    mistakes.push((error as Error).message);
  }
  return { mistake: `soak: ${mistakes.join('; ')}\n${usage}` };
}
