import { defineConfig } from 'vitest/config';

export default defineConfig({
  oxc: { decorator: { legacy: true } }, // vitest leaves decorators alone, unless a tsconfig.json or this says otherwise
  test: {
    globalSetup: ['test/redis.ts'],
    setupFiles: ['@belfry/testing/vitest'],
  },
});
