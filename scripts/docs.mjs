// npm run docs [-- --out folder]: README, docs/ and the API reference as a site, in site/dist. Needs no network but for the first `npm ci`.
//
// The pages are copied beside docs/ first, each with its title and its place in the navigation, so that their links stay true and they stay plain
// Markdown where they are. TypeDoc makes the site; what links to nothing fails.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { install, root, run } from './prepare.mjs';

/** Every page of docs/, in the order in which they are to be read: as under "Where next" in README. */
const chapters = {
  'To begin': ['start', 'concepts'],
  'To write services': [
    'contracts',
    'subscribing',
    'publishing',
    'requests',
    'durable-events',
    'services',
    'testing',
    'redis-pubsub',
  ],
  'To run them': ['deploying', 'topologies', 'access', 'health', 'errors', 'packages'],
  'To trust it': ['delivery-guarantees', 'faults', 'promises', 'performance'],
  'To move here': ['from-nestjs', 'from-moleculer'],
};

const site = join(root, 'site');
const pages = join(root, '.pages');
const docs = join(root, 'docs');

async function installGenerator() {
  const [lock, installed] = ['package-lock.json', 'node_modules/.package-lock.json'].map((path) => join(site, path));
  if (existsSync(installed) && statSync(lock).mtimeMs <= statSync(installed).mtimeMs) return 0;
  console.error('Installing what makes the site (npm ci in site/) …');
  return run('npm', ['ci', '--prefix', 'site', '--no-audit', '--no-fund', '--loglevel=error'], { quiet: true });
}

/** A site has no folders to look into: a link to one becomes its name. */
const withoutFolders = (text) =>
  text.replaceAll(/\[([^\]]+)\]\((?:\.\.\/)*(?:examples|packages)\/[\w-]+\/?\)/g, '`$1`');

/** Copies the pages, each with its title and chapter. Returns their paths in order. */
function collect() {
  const there = readdirSync(docs)
    .filter((file) => file.endsWith('.md'))
    .map((file) => file.slice(0, -3));
  const listed = Object.values(chapters).flat();
  const stray = there.filter((page) => !listed.includes(page));
  if (stray.length > 0) throw new Error(`scripts/docs.mjs lists no chapter for docs/${stray.join('.md, docs/')}.md`);
  const missing = listed.filter((page) => !there.includes(page));
  if (missing.length > 0)
    throw new Error(`scripts/docs.mjs lists docs/${missing.join('.md, docs/')}.md, which is not there`);
  rmSync(pages, { recursive: true, force: true });
  mkdirSync(pages);
  for (const file of readdirSync(docs))
    if (!file.endsWith('.md')) cpSync(join(docs, file), join(pages, file), { recursive: true });
  for (const [chapter, names] of Object.entries(chapters)) {
    for (const name of names) {
      const text = readFileSync(join(docs, `${name}.md`), 'utf8');
      const [heading, title] = /^(?:<!--.*-->\s*)?# (.+)\n/.exec(text) ?? [];
      if (heading === undefined) throw new Error(`docs/${name}.md does not begin with a heading`);
      const about = `---\ntitle: ${JSON.stringify(title)}\ngroup: ${JSON.stringify(chapter)}\n---\n`;
      writeFileSync(join(pages, `${name}.md`), about + withoutFolders(text.slice(heading.indexOf('# '))));
    }
  }
  // The README lies a folder higher, and links to docs/. The site has its heading already.
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
    .replace(/^# .+\n/, '')
    .replaceAll(/(\]\(|src="|srcset=")docs\//g, '$1./')
    .replaceAll(/\]\((?![a-z]+:|\.|#)/g, '](../');
  writeFileSync(join(pages, 'index.md'), withoutFolders(readme));
  return listed.map((name) => join(pages, `${name}.md`));
}

async function make() {
  const documents = collect();
  const groups = [...Object.keys(chapters), '*'];
  writeFileSync(
    join(pages, 'typedoc.json'),
    JSON.stringify({
      extends: ['../site/typedoc.json'],
      projectDocuments: documents,
      readme: join(pages, 'index.md'),
      groupOrder: groups,
    }),
  );
  const tool = (name) => join(site, 'node_modules', '.bin', name);
  const code =
    (await run(tool('typedoc'), ['--options', join(pages, 'typedoc.json')])) ||
    (await run(tool('linkinator'), [
      join(site, 'dist'),
      '--recurse',
      '--silent',
      '--check-fragments',
      '--skip',
      '^https?://(?!localhost)',
    ]));
  rmSync(pages, { recursive: true, force: true });
  return code;
}

process.exitCode = (await install()) || (await installGenerator()) || (await make());
