import { uniqueNamespace } from './unique-namespace.js';

let own: string | undefined;

/**
 * The namespace of this test worker: the same at each call, and nobody else's, so that test files which run side by side share one Redis
 * without meeting. With vitest, whose files are isolated, that is one for each file; with jest too.
 */
export function workerNamespace(): string {
  const { VITEST_POOL_ID, JEST_WORKER_ID } = process.env;
  own ??= uniqueNamespace(`w${(VITEST_POOL_ID ?? JEST_WORKER_ID ?? '').replace(/\D/g, '')}`);
  return own;
}
