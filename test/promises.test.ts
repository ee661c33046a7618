import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { subjects } from './promises/index.js';
import type { NamedTest } from './promises/kept-promise.js';
import { page } from './promises/page.js';

const root = join(import.meta.dirname, '..');
const promises = subjects.flatMap(({ promises }) => promises);

const texts = new Map<string, string>();
/** A file of the project; empty where there is none. */
function textOf(path: string): string {
  const known = texts.get(path);
  if (known !== undefined) return known;
  const text = existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : '';
  texts.set(path, text);
  return text;
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

/** Whether the title stands there: as it is, or as what `it.each` or a template puts something in. */
function isThere({ file, title }: NamedTest): boolean {
  const text = textOf(file);
  if (file.endsWith('.test-d.ts')) return text.includes(`@ts-expect-error - ${title}\n`);
  const literals = text.match(/(['"`])(?:\\.|(?!\1)[^\\\n])+\1/g) ?? [];
  return literals.some((literal) => {
    const fixed = literal
      .slice(1, -1)
      .replaceAll("\\'", "'")
      .split(/%[sdij]|\$\{[^}]*\}|\$\w+/);
    if (fixed.length === 1 || fixed.join('').length < title.length / 2) return fixed[0] === title;
    return new RegExp(`^${fixed.map(escaped).join('.+')}$`).test(title);
  });
}

it('docs/promises.md is what npm run promises writes', () => {
  expect(textOf('docs/promises.md'), 'run npm run promises').toBe(page);
});

it('no promise is made twice', () => {
  const sentences = promises.map(({ promise }) => promise);
  expect(sentences.filter((sentence, at) => sentences.indexOf(sentence) !== at)).toEqual([]);
});

it('the test of each promise is there', () => {
  const missing: string[] = [];
  for (const { test } of promises) {
    const { file, title, behaviour, config } = test;
    if (textOf(file) === '' || !isThere({ file: behaviour ?? file, title }))
      missing.push(`${behaviour ?? file}: ${title}`);
    if (file.endsWith('.faults.test.ts') !== (config === 'faults')) missing.push(`${file}: its config is another`);
  }
  expect(missing).toEqual([]);
});

it('the fault of each promise can be put in', () => {
  const wrong = promises.flatMap(({ promise, mutation: { file, from, to } }) => {
    // What a script includes is put in again by npm run lua: a fault in it belongs into the file that is included.
    const own = textOf(file).replace(/^-- include (\w+)\n[\s\S]*?^-- end of \1\n/gm, '');
    const places = own.split(from).length - 1;
    if (places === 1 && from !== to) return [];
    return [`${promise} ${places === 1 ? 'It changes nothing' : `It is ${places} times`} in ${file}: ${from}`];
  });
  expect(wrong).toEqual([]);
});
