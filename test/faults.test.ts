import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

const page = join(import.meta.dirname, '../docs/faults.md');

/** The rows that name a test: its title, and its file. */
const rows = readFileSync(page, 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [, title, file] = /\| ([^|]+) \(\[[^\]]+\.ts\]\(([^)]+)\)\) \|$/.exec(line) ?? [];
    return title === undefined || file === undefined ? [] : [{ title, file: join(dirname(page), file) }];
  });

it('docs/faults.md has a test behind each fault, and names it as it is called', () => {
  const wrong = rows.filter(({ title, file }) => !readFileSync(file, 'utf8').replaceAll("\\'", "'").includes(title));
  expect(rows.length).toBeGreaterThan(20);
  expect(wrong).toEqual([]);
});
