/** What JSON can say. `undefined` stands only for an absent property. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Stands in a compile error, and names what cannot travel as JSON. */
export interface NotJson<Reason extends string> {
  readonly notJson: Reason;
}

/**
 * `never` when every value of `T` survives JSON, else a {@link NotJson} that says why not.
 * An interface passes when its properties do, although it has no index signature.
 */
export type JsonMistake<T, Depth extends unknown[] = []> = 0 extends 1 & T
  ? never
  : unknown extends T
    ? NotJson<'unknown cannot be shown to be JSON: describe it, for example with z.json()'>
    : Depth['length'] extends 12
      ? never
      : T extends Json
        ? never
        : T extends void
          ? NotJson<'undefined cannot travel as JSON; for nothing at all there is null'>
          : T extends symbol | bigint
            ? NotJson<'symbols and bigints cannot travel as JSON'>
            : T extends (...args: never[]) => unknown
              ? NotJson<'functions cannot travel as JSON'>
              : T extends Date
                ? NotJson<'a Date cannot travel as JSON: use an ISO string, for example z.iso.datetime(), or a codec'>
                : T extends ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> | ArrayBufferView | ArrayBuffer
                  ? NotJson<'maps, sets and bytes cannot travel as JSON'>
                  : T extends readonly (infer Item)[]
                    ? JsonMistake<Item, [...Depth, unknown]>
                    : { [Key in keyof T]-?: JsonMistake<PropertyValue<T, Key>, [...Depth, unknown]> }[keyof T];

/** `undefined` is allowed where the property may be absent, and only there. */
type PropertyValue<T, Key extends keyof T> =
  Record<never, never> extends Pick<T, Key> ? Exclude<T[Key], undefined> : T[Key];

/** A schema whose input can travel; anything else does not compile, and the error says why. */
export type JsonInput<T> = [JsonMistake<T>] extends [never] ? unknown : JsonMistake<T>;
