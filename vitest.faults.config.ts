import { configDefaults, defineConfig } from 'vitest/config';
import config from './vitest.config.js';

/** What waits more than it works, and measures nothing. */
const unhurried = [
  'examples/*/test/**/*.faults.test.ts',
  'packages/{runtime,testing}/{src,test}/**/*.faults.test.ts',
  'packages/redis/test/{access-cluster,cluster,tls,tls-cluster,valkey}.faults.test.ts',
];

// Projects add theirs to these instead of replacing them.
const { include: _, exclude: __, ...shared } = config.test ?? {};

/** The tests in which processes and servers are killed: they take longer, and `npm test` goes without them. */
export default defineConfig({
  ...config,
  test: {
    ...shared,
    projects: [
      {
        extends: true,
        test: {
          name: 'one after the other',
          include: ['{packages,examples}/*/{src,test}/**/*.faults.test.ts'],
          exclude: [...configDefaults.exclude, ...unhurried],
          // They measure, and what they kill must not be waited for by somebody else.
          maxWorkers: 1,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'side by side',
          include: unhurried,
          exclude: configDefaults.exclude,
          maxWorkers: '100%',
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
