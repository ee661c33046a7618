#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { CannotCreate, create } from './create.js';

const usage = `npm create belfry@latest <folder>

Makes a project of two services that talk over Redis: contracts, handlers, tests, a compose file and a Dockerfile.

  --tarballs <folder>   install Belfry from packed packages (npm pack) instead of the registry
  -h, --help            this text
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { tarballs: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  const [folder, ...more] = positionals;
  if (values.help) {
    console.log(usage);
    return 0;
  }
  if (folder === undefined || more.length > 0) throw new CannotCreate('name one folder');
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const target = await create({ folder, version, tarballs: values.tarballs });
  const here = relative(process.cwd(), target) || '.';
  console.log(`Made ${target}.

  cd ${here}
  npm install
  npm test
  npm run dev        # both services in this terminal, without a Redis, and an order

README.md tells the rest.`);
  return 0;
}

process.exitCode = await main().catch((error: unknown) => {
  const isUsage = error instanceof CannotCreate || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
  if (!isUsage) throw error;
  console.error(`create-belfry: ${(error as Error).message}.\n\n${usage}`);
  return 2;
});
