/** What Belfry promises, the test that shows it, and a fault that this test finds: a promise whose fault nobody finds is only hoped for. */
export interface KeptPromise {
  /** One short sentence. */
  readonly promise: string;
  readonly test: NamedTest;
  readonly mutation: Mutation;
}

export interface NamedTest {
  /** What vitest runs. A `*.test-d.ts` is read by the compiler instead, and its title is what stands behind `@ts-expect-error - `. */
  readonly file: string;
  /** As vitest prints it. */
  readonly title: string;
  /** Where it is written, if not in `file`: a behaviour of the conformance suite. */
  readonly behaviour?: string;
  /** `faults`: it is one of those that `npm run test:faults` runs. */
  readonly config?: 'faults';
}

/** A fault: `from` stands in the file exactly once, and `to` in its place makes the test fail. */
export interface Mutation {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** Promises about one thing. */
export interface Subject {
  readonly title: string;
  readonly promises: readonly KeptPromise[];
}

const behaviour = (file: string, suite: string, title: string): NamedTest => ({
  file,
  behaviour: `packages/core/src/conformance/behaviours/${suite}.ts`,
  title,
});

/** A behaviour of the conformance suite, over the memory transport: the fastest way to what is above the transports. */
export const inMemory = (suite: string, title: string): NamedTest =>
  behaviour('packages/core/src/memory/memory-transport.test.ts', suite, title);

/** The same over Redis. */
export const overRedis = (suite: string, title: string): NamedTest =>
  behaviour('packages/redis/test/conformance.test.ts', suite, title);
