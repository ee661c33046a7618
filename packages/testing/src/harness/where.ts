/** Which data are meant: those that have at least these fields with these values, or those of which the function says so. */
export type Where<Data> = PartlyLike<Data> | ((data: Data) => boolean);

/** Some of the fields of something, and of those some again. A matcher of the test runner, like `expect.any(String)`, may stand for any value. */
export type PartlyLike<Data> = Data extends (...args: never[]) => unknown
  ? never
  : Data extends Date
    ? Data
    : Data extends readonly unknown[]
      ? { readonly [Index in keyof Data]: PartlyLike<Data[Index]> }
      : Data extends object
        ? { readonly [Name in keyof Data]?: PartlyLike<Data[Name]> }
        : Data;

/** Whether data are meant. A list must be as long, a record may have more. */
export function fits(data: unknown, where: unknown): boolean {
  if (where === undefined) return true;
  return typeof where === 'function' ? Boolean(where(data)) : isLike(data, where);
}

function isLike(actual: unknown, wanted: unknown): boolean {
  if (isMatcher(wanted)) return wanted.asymmetricMatch(actual);
  if (Object.is(actual, wanted)) return true;
  if (!isObject(actual) || !isObject(wanted)) return false;
  if (wanted instanceof Date) return actual instanceof Date && actual.getTime() === wanted.getTime();
  if (Array.isArray(wanted))
    return (
      Array.isArray(actual) && actual.length === wanted.length && wanted.every((item, at) => isLike(actual[at], item))
    );
  return !Array.isArray(actual) && Object.keys(wanted).every((name) => isLike(actual[name], wanted[name]));
}

/** As much of the data as was asked for: so a difference shows what differs, and nothing else. */
export function partOf(data: unknown, wanted: unknown): unknown {
  if (!isObject(data) || !isObject(wanted) || isMatcher(wanted) || wanted instanceof Date) return data;
  if (Array.isArray(data)) return data.map((item, at) => partOf(item, (wanted as unknown as unknown[])[at]));
  return Object.fromEntries(
    Object.keys(data)
      .filter((name) => name in wanted)
      .map((name) => [name, partOf(data[name], wanted[name])]),
  );
}

/** What jest and vitest make of `expect.any(String)` and the like. */
const isMatcher = (value: unknown): value is { asymmetricMatch(actual: unknown): boolean } =>
  isObject(value) && typeof value.asymmetricMatch === 'function';

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
