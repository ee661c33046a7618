// npm run try:packages [-- --keep]: what README promises of the packages, from the packed tarballs, in an empty folder outside of the repository.
// Its first example compiles under `tsc` strict, however modules are resolved, and runs: compiled, under tsx, and in plain JavaScript.
// --keep leaves the folder there.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, install, root } from '../prepare.mjs';

const { values: options } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });
const code = (await install()) || (await build());
if (code !== 0) process.exit(code);
const { packAll } = await import('../pack.mjs');
const { Project } = await import('./project.mjs');

const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const [, example] = /^```ts\n([\s\S]*?)^```$/m.exec(readFileSync(join(root, 'README.md'), 'utf8'));
const expected = 'shop: sells a bell\nbilling: takes 1250 cents for a bell\nshop: ships a bell\n';
const quiet = { LOG_LEVEL: 'error' };

const compilerOptions = {
  target: 'es2022',
  lib: ['es2023', 'esnext.disposable'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false, // the types of the packages themselves are checked, too
  experimentalDecorators: true,
  types: ['node'],
  outDir: 'dist',
  rootDir: 'src',
};

/** The same as README's example, for who has no types and no decorators. */
const plain = `import { createBus, defineEvent } from 'belfry';
import { z } from 'zod';

const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ order: z.string(), cents: z.int() }) });
const PaymentTaken = defineEvent('payments.taken', { schema: z.object({ order: z.string() }) });

const shop = createBus({ name: 'shop', url: 'memory:' });
const billing = createBus({ name: 'billing', url: 'memory:' });
await shop.subscribe(PaymentTaken, ({ order }) => console.log(\`shop: ships \${order}\`));
await billing.subscribe(OrderPlaced, async ({ order, cents }) => {
  console.log(\`billing: takes \${cents} cents for \${order}\`);
  await billing.publish(PaymentTaken, { order });
});

console.log('shop: sells a bell');
await shop.publish(OrderPlaced, { order: 'a bell', cents: 1250 });
await billing.close();
await shop.close();
`;

const tarballs = mkdtempSync(join(tmpdir(), 'belfry-tarballs-'));
process.on('exit', () => rmSync(tarballs, { recursive: true, force: true }));

const project = new Project(options);
project.write('package.json', { name: 'my-app', private: true, type: 'module' });
project.write('src/main.ts', example);
project.write('plain.js', plain);
project.write('tsconfig.json', { compilerOptions: { ...compilerOptions, module: 'nodenext' }, include: ['src'] });
project.write('tsconfig.bundler.json', {
  compilerOptions: { ...compilerOptions, module: 'esnext', moduleResolution: 'bundler', noEmit: true },
  include: ['src'],
});

const says = async (running) => {
  const said = await running;
  if (said !== expected) throw new Error(`It says\n${said}instead of\n${expected}`);
};
const steps = {
  'pack and install': async () => {
    const packed = await packAll(tarballs);
    const tools = ['typescript', 'tsx', '@types/node', 'zod'].map((name) => `${name}@${devDependencies[name]}`);
    await project.install(
      packed.map(({ tarball }) => tarball),
      tools,
    );
  },
  'tsc, strict, nodenext': () => project.tool('tsc', ['-p', 'tsconfig.json']),
  'tsc, strict, bundler': () => project.tool('tsc', ['-p', 'tsconfig.bundler.json']),
  'node, what tsc has made': () => says(project.run('node', ['dist/main.js'], { env: quiet })),
  'node, JavaScript without types': () => says(project.run('node', ['plain.js'], { env: quiet })),
  tsx: () => says(project.tool('tsx', ['src/main.ts'], { env: quiet })),
};

for (const [name, step] of Object.entries(steps)) {
  const began = performance.now();
  try {
    await step();
  } catch (error) {
    console.error(`✗ ${name}\n${error.message}`);
    process.exitCode = 1;
    break;
  }
  console.log(`✓ ${name.padEnd(32)}${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s`);
}
