import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../packages/contracts/src/index.js';

const root = join(import.meta.dirname, '..');
const page = readFileSync(join(root, 'docs/errors.md'), 'utf8');

/** The sections of the page: a code, and what is said of it. */
const sections = page
  .split(/^## /m)
  .slice(1)
  .map((section) => ({ code: section.split('\n', 1)[0] ?? '', text: section }));

/** What is shipped of every package, apart from the list of codes itself and the suite that transports are tested with. */
const sources = readdirSync(join(root, 'packages')).flatMap((name) =>
  readdirSync(join(root, 'packages', name, 'src'), { recursive: true, encoding: 'utf8' })
    .map((path) => `packages/${name}/src/${path.replaceAll('\\', '/')}`)
    .filter(
      (path) => /\.ts$/.test(path) && !/\.(test|test-d)\.ts$|\/conformance\/|contracts\/src\/error\.ts$/.test(path),
    )
    .map((path) => readFileSync(join(root, path), 'utf8')),
);

describe('docs/errors.md', () => {
  it('explains every code, in the order of the list, and no other', () => {
    expect(sections.map(({ code }) => code)).toEqual(errorCodes);
  });

  it.each(sections)('says of $code what happened, when, and what to do', ({ text }) => {
    expect(text).toMatch(/\*\*What happened\.\*\* [\s\S]+\*\*When\.\*\* [\s\S]+\*\*What to do\.\*\* /);
  });

  it('names no code that does not exist', () => {
    const named = page.match(/`[A-Z]+(_[A-Z]+)+`/g) ?? [];
    expect(
      named.map((code) => code.slice(1, -1)).filter((code) => !(errorCodes as readonly string[]).includes(code)),
    ).toEqual([]);
  });

  it('says of every code, at the top, when one meets it', () => {
    const overview = page.split(/^## /m, 1)[0] ?? '';
    for (const code of errorCodes) expect(overview).toContain(`\`${code}\``);
  });
});

describe('every error code', () => {
  it.each(errorCodes)('%s is used by a package', (code) => {
    expect(sources.some((source) => source.includes(`'${code}'`))).toBe(true);
  });
});
