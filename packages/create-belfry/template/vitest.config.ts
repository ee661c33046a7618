import { defineConfig } from 'vitest/config';

export default defineConfig({
  oxc: { decorator: { legacy: true } }, // the decorators of tsconfig.json's experimentalDecorators
  test: { include: ['src/**/*.test.ts'] },
});
