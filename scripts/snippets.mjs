// Documentation is code that runs. In README.md, ARCHITECTURE.md and docs/**/*.md, a fence below a line
//   <!-- snippet: path/from/root -->        or        <!-- snippet: path/from/root#region -->
// must equal that file, or the part of it between the comments `#region name` and `#endregion` (in Python and shell
// `# region name` and `# endregion`), dedented. The marks themselves are never shown.
// In README.md and docs/, code in TypeScript, JavaScript or Python needs such a line, or `<!-- no snippet: reason -->`.
//
//   node scripts/snippets.mjs            lists what differs, as file:line, and exits with 1
//   node scripts/snippets.mjs --write    brings the pages up to date
//   --root <folder>                      another project than this one
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: { write: { type: 'boolean', default: false }, root: { type: 'string' } },
});
const root = resolve(options.root ?? join(import.meta.dirname, '..'));

const FENCE = /^( *)(`{3,}|~{3,})\s*([\w-]*)/;
const SNIPPET = /^\s*<!--\s*snippet:\s*([^#\s]+)(?:#(\S+))?\s*-->\s*$/;
const SNIPPET_BY_ITS_LOOK = /^\s*<!--\s*snippet\b/;
const NO_SNIPPET = /^\s*<!--\s*no snippet:\s*\S.*-->\s*$/;
const REGION = /^\s*(?:\/\/|#)\s*#?region\s+(\S+)\s*$/;
const END_REGION = /^\s*(?:\/\/|#)\s*#?endregion\b/;
const CODE = /^(?:[cm]?[jt]sx?|typescript|javascript|py|python3?)$/;

/** What can be said about a snippet line that leads nowhere. */
class Mistake extends Error {}

/** The pages of the project, as paths from its root. */
function pages() {
  const docs = existsSync(join(root, 'docs')) ? readdirSync(join(root, 'docs'), { recursive: true }) : [];
  const inDocs = docs.filter((path) => path.endsWith('.md')).map((path) => `docs/${path.replaceAll('\\', '/')}`);
  return ['README.md', 'ARCHITECTURE.md', ...inDocs.sort()].filter((path) => existsSync(join(root, path)));
}

/** The fences of a page: `open` and `close` are the indices of their lines. */
function fencesOf(lines) {
  const fences = [];
  for (let open = 0; open < lines.length; open++) {
    const [, indent, marker, language] = FENCE.exec(lines[open]) ?? [];
    if (marker === undefined) continue;
    const close = lines.findIndex((line, index) => index > open && closes(line, marker));
    fences.push({ open, close: close === -1 ? lines.length : close, indent, marker, language });
    if (close === -1) break;
    open = close;
  }
  return fences;
}

const closes = (line, marker) => {
  const text = line.trim();
  return text.length >= marker.length && text === marker[0].repeat(text.length);
};

/** The lines that a page must show. */
function snippetLines(path, region) {
  const file = join(root, path);
  if (!existsSync(file)) throw new Mistake(`there is no file ${path}`);
  const lines = readFileSync(file, 'utf8').split(/\r?\n/);
  return tidy((region === undefined ? lines : regionLines(lines, path, region)).filter((line) => !isMark(line)));
}

function regionLines(lines, path, name) {
  const starts = lines.flatMap((line, index) => (REGION.exec(line)?.[1] === name ? [index] : []));
  if (starts.length === 0) throw new Mistake(`there is no region ${name} in ${path}`);
  if (starts.length > 1) throw new Mistake(`there are ${starts.length} regions ${name} in ${path}`);
  const start = starts[0] + 1;
  let depth = 1;
  for (let end = start; end < lines.length; end++) {
    if (REGION.test(lines[end])) depth++;
    else if (END_REGION.test(lines[end]) && --depth === 0) return lines.slice(start, end);
  }
  throw new Mistake(`the region ${name} in ${path} does not end`);
}

const isMark = (line) => REGION.test(line) || END_REGION.test(line);

/** Without empty lines at both ends, and without the indentation that all lines share. */
function tidy(lines) {
  const filled = lines.flatMap((line, index) => (line.trim() === '' ? [] : [index]));
  const kept = lines.slice(filled[0] ?? 0, (filled.at(-1) ?? -1) + 1);
  const indents = kept.filter((line) => line.trim() !== '').map((line) => line.length - line.trimStart().length);
  const shared = Math.min(...indents);
  return kept.map((line) => line.slice(shared).trimEnd());
}

/** Finds what is wrong with a page: a list of `{ line, text }`, and the page as it should be. */
function checkPage(path, text) {
  const lines = text.split(/\r?\n/);
  const problems = [];
  const report = (index, problem) => problems.push({ line: index + 1, text: problem });
  const fixed = [...lines];
  const fences = fencesOf(lines);
  for (const { open, close, indent, marker, language } of fences.toReversed()) {
    const above = lines[open - 1] ?? '';
    const [, file, region] = SNIPPET.exec(above) ?? [];
    if (file === undefined) {
      const needed = path !== 'ARCHITECTURE.md' && CODE.test(language) && !NO_SNIPPET.test(above);
      if (needed && !SNIPPET_BY_ITS_LOOK.test(above)) {
        report(
          open,
          `this ${language} code is no snippet: take it from a file that runs, or say <!-- no snippet: why -->`,
        );
      }
      continue;
    }
    const name = region === undefined ? file : `${file}#${region}`;
    try {
      const wanted = snippetLines(file, region).map((line) => (line === '' ? '' : indent + line));
      if (close === lines.length) throw new Mistake('the fence does not end');
      if (wanted.some((line) => closes(line, marker))) {
        throw new Mistake(`${name} holds a fence itself: give this one more ${marker[0]}`);
      }
      const shown = lines.slice(open + 1, close);
      const at = Array.from({ length: Math.max(shown.length, wanted.length) }).findIndex(
        (_, index) => shown[index] !== wanted[index],
      );
      if (at === -1) continue;
      fixed.splice(open + 1, close - open - 1, ...wanted);
      const said =
        wanted[at] === undefined ? 'it ends before this line' : `there: ${wanted[at].trim() || '(empty line)'}`;
      if (!options.write) report(open + 1 + at, `differs from ${name} (${said})`);
    } catch (error) {
      if (!(error instanceof Mistake)) throw error;
      report(open - 1, error.message);
    }
  }
  for (const [index, line] of lines.entries()) {
    if (!SNIPPET_BY_ITS_LOOK.test(line) || fences.some(({ open, close }) => open < index && index < close)) continue;
    if (!SNIPPET.test(line)) report(index, 'this is not <!-- snippet: path/from/root#region -->');
    else if (!fences.some(({ open }) => open === index + 1)) report(index, 'no fence follows on the next line');
  }
  return {
    problems: problems.sort((a, b) => a.line - b.line),
    fixed: fixed.join(text.includes('\r\n') ? '\r\n' : '\n'),
  };
}

let wrong = 0;
for (const path of pages()) {
  const text = readFileSync(join(root, path), 'utf8');
  const { problems, fixed } = checkPage(path, text);
  for (const { line, text: problem } of problems) console.error(`${path}:${line}: ${problem}`);
  wrong += problems.length;
  if (options.write && fixed !== text) {
    writeFileSync(join(root, path), fixed);
    console.log(`${path}: brought up to date`);
  }
}
if (wrong > 0) {
  if (!options.write) console.error('node scripts/snippets.mjs --write brings snippets up to date.');
  process.exitCode = 1;
}
