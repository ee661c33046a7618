import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Worker } from '../../src/durable/worker.js';
import { exploreWorkers } from './explorer.js';
import { mutants } from './mutants.js';

const DURABLE = new URL('../../src/durable/', import.meta.url);
/** What a worker is made of: a fault is in one of these. */
const PARTS = ['worker.ts', 'hands.ts', 'ready-queue.ts', 'terms.ts', 'known-log.ts'];
/** Where they take from what they import from other packages. */
const CONTRACTS = new URL('../../../contracts/src/index.ts', import.meta.url);

/** The class that other texts of its parts make. Everything else is the real thing. */
async function workerFrom(texts: ReadonlyMap<string, string>): Promise<typeof Worker> {
  const folder = mkdtempSync(join(tmpdir(), 'belfry-mutant-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const own = pathToFileURL(`${folder}/`);
  const locate = (path: string) => new URL(path, texts.has(path.replace('./', '')) ? own : DURABLE).href;
  for (const [part, text] of texts) {
    const absolute = text
      .replaceAll(/ from '(\..*)\.js'/g, (_, path: string) => ` from '${locate(`${path}.ts`)}'`)
      .replaceAll("from '@belfry/contracts'", `from '${CONTRACTS.href}'`);
    writeFileSync(join(folder, part), absolute);
  }
  const { Worker: Mutant } = (await import(join(folder, 'worker.ts'))) as { Worker: typeof Worker };
  return Mutant;
}

const seeds = Array.from({ length: 200 }, (_, seed) => seed);

describe('a worker of durable delivery', () => {
  it.each(mutants)('is found out when it would $name', { timeout: 60_000 }, async ({ changes }) => {
    const texts = new Map(PARTS.map((part) => [part, readFileSync(new URL(part, DURABLE), 'utf8')]));
    for (const { find, replace } of changes) {
      const places = [...texts].filter(([, text]) => text.includes(find));
      expect(places).toHaveLength(1);
      const [[part, text]] = places as [[string, string]];
      expect(text.split(find)).toHaveLength(2);
      texts.set(part, text.replace(find, replace));
    }
    const Mutant = await workerFrom(texts);
    const survived = async () => {
      for (const seed of seeds) await exploreWorkers(seed, Mutant);
    };
    await expect(survived()).rejects.toThrow(/^seed \d+: /);
  });
});
