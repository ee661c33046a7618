import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Worker } from '../../src/durable/worker.js';
import { exploreWorkers } from './explorer.js';
import { mutants } from './mutants.js';

const WORKER = new URL('../../src/durable/worker.ts', import.meta.url);
/** Where worker.ts takes from what it imports from other packages. */
const CONTRACTS = new URL('../../../contracts/src/index.ts', import.meta.url);

/** The class of another text of worker.ts. Everything else is the real thing. */
async function workerFrom(source: string): Promise<typeof Worker> {
  const folder = mkdtempSync(join(tmpdir(), 'belfry-mutant-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'worker.ts');
  const absolute = source
    .replaceAll(/ from '(\..*)\.js'/g, (_, path: string) => ` from '${new URL(`${path}.ts`, WORKER).href}'`)
    .replaceAll("from '@belfry/contracts'", `from '${CONTRACTS.href}'`);
  writeFileSync(file, absolute);
  const { Worker: Mutant } = (await import(file)) as { Worker: typeof Worker };
  return Mutant;
}

const seeds = Array.from({ length: 200 }, (_, seed) => seed);

describe('a worker of durable delivery', () => {
  it.each(mutants)('is found out when it would $name', { timeout: 60_000 }, async ({ changes }) => {
    let source = readFileSync(WORKER, 'utf8');
    for (const { find, replace } of changes) {
      expect(source.split(find)).toHaveLength(2);
      source = source.replace(find, replace);
    }
    const Mutant = await workerFrom(source);
    const survived = async () => {
      for (const seed of seeds) await exploreWorkers(seed, Mutant);
    };
    await expect(survived()).rejects.toThrow(/^seed \d+: /);
  });
});
