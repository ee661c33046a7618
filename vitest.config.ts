import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  // Tests read the packages' sources, so that nothing has to be built first.
  resolve: { conditions: ['@belfry/source'] },
  ssr: { resolve: { conditions: ['@belfry/source'] } },
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    include: [
      'packages/*/{src,test}/**/*.test.ts',
      'examples/*/{src,test}/**/*.test.ts',
      'test/**/*.test.ts',
      'docs/**/*.test.ts',
    ],
    // The long tail: what happens when processes and servers are killed. `npm run test:faults` runs it.
    exclude: [...configDefaults.exclude, '**/*.faults.test.ts'],
    // Most of the time is waiting: for processes, servers, and time to pass.
    maxWorkers: '100%',
    globalSetup: ['test/setup.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
