import { configDefaults, defineConfig } from 'vitest/config';
import config from './vitest.config.js';

/** The tests in which processes and servers are killed: they take longer, and `npm test` goes without them. */
export default defineConfig({
  ...config,
  test: {
    ...config.test,
    include: ['{packages,examples}/*/test/**/*.faults.test.ts'],
    exclude: configDefaults.exclude,
    // One after the other: they measure, and what they kill must not be waited for by somebody else.
    maxWorkers: 1,
  },
});
