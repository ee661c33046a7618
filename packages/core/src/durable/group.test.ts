import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { explore, type GroupPort } from '../conformance/explorer.js';
import type { Entry } from './delivery.js';
import { DurableGroup } from './group.js';
import { mutants } from '../../test/durable-mutants.js';

type Model = typeof DurableGroup;

/** A log in an array, and a group of the model on it. */
function portOf(Group: Model): GroupPort {
  const entries: Entry[] = [];
  const dead: { entry: string; attempts: number }[] = [];
  const log = {
    epoch: 'e',
    count: 0,
    after: (id?: string) => entries[id === undefined ? 0 : Number(id) + 1],
    get: (id: string) => entries[Number(id)],
  };
  const group = new Group({
    name: 'billing',
    log,
    maxParked: 20,
    ring: () => true,
    bury: ({ id, attempts }) => void dead.push({ entry: id, attempts }),
  });
  return {
    async append(key) {
      const id = String(entries.length);
      entries.push({ id, key, body: `{"n":${id}}`, ordinal: entries.length + 1 });
      return id;
    },
    work: async (ask, now) => group.work(ask, now),
    pending: async () => group.pending,
    dead: async () => dead,
  };
}

/** The class of another text of group.ts. */
async function modelFrom(source: string): Promise<Model> {
  const folder = mkdtempSync(join(tmpdir(), 'belfry-mutant-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'group.ts');
  writeFileSync(file, source);
  const { DurableGroup: Group } = (await import(file)) as { DurableGroup: Model };
  return Group;
}

const seeds = Array.from({ length: 200 }, (_, seed) => seed);

describe('durable delivery, as a model', () => {
  it('holds its invariants under 200 seeds', async () => {
    for (const seed of seeds) await explore(seed, portOf(DurableGroup));
  });

  it.each(mutants)('is found out when it would $name', async ({ find, replace }) => {
    const source = readFileSync(new URL('./group.ts', import.meta.url), 'utf8');
    expect(source.split(find)).toHaveLength(2);
    const Mutant = await modelFrom(source.replace(find, replace));
    const survived = async () => {
      for (const seed of seeds) await explore(seed, portOf(Mutant));
    };
    await expect(survived()).rejects.toThrow(/^seed \d+: /);
  });
});
