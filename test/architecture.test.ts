import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const page = readFileSync('ARCHITECTURE.md', 'utf8');

it('ARCHITECTURE.md names only files that are there', () => {
  const paths = [...page.matchAll(/`((?:packages|examples|docs|bench|scripts)\/[^`\s]*)`/g)].map(
    ([, path]) => path as string,
  );
  expect(paths.length).toBeGreaterThan(15);
  expect(paths.filter((path) => !existsSync(path))).toEqual([]);
});

it('ARCHITECTURE.md names symbols that stand in the files it names beside them', () => {
  const pairs = [...page.matchAll(/`([A-Za-z]+)`(?: of \w+)?\s+\(`(packages\/[^`]*\.ts)`\)/g)];
  expect(pairs.length).toBeGreaterThan(8);
  for (const [, symbol, file] of pairs) expect(readFileSync(file as string, 'utf8'), file).toContain(symbol);
});

it('ARCHITECTURE.md has a rule for every package', () => {
  for (const name of readdirSync('packages')) expect(page).toContain(`| \`packages/${name}\` |`);
});
