import { BelfryError } from './error.js';

/** Milliseconds, or a whole number with a unit: `250`, `'250ms'`, `'5s'`, `'10m'`, `'12h'`, `'7d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** True for a {@link Duration} that {@link toMilliseconds} accepts. Never throws. */
export function isDuration(value: unknown): value is Duration {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0;
  return typeof value === 'string' && /^\d+(\.\d+)?(ms|s|m|h|d)$/.test(value);
}

/**
 * A duration in milliseconds.
 * @throws BelfryError `OPTION_INVALID` for anything but a duration, naming `option`.
 */
export function toMilliseconds(duration: Duration, option = 'duration'): number {
  if (!isDuration(duration)) {
    throw new BelfryError('OPTION_INVALID', {
      message: `${option} is ${typeof duration === 'string' ? JSON.stringify(duration) : String(duration)}, which is not a duration.`,
      hint: "Give milliseconds, or a number with a unit: '250ms', '5s', '10m', '12h', '7d'.",
    });
  }
  if (typeof duration === 'number') return duration;
  const [, amount = '', unit = ''] = /^([\d.]+)(\D+)$/.exec(duration) ?? [];
  return Number(amount) * (units[unit] ?? 1);
}
