// npm run promises: writes docs/promises.md from test/promises. Run it after every change there; test/promises.test.ts fails until you have.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tsImport } from 'tsx/esm/api';

const { page } = await tsImport('../test/promises/page.ts', import.meta.url);
writeFileSync(join(import.meta.dirname, '../docs/promises.md'), page);
