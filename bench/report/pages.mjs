// Writes results into the pages that tell them, between markers: <!-- results: name --> … <!-- /results -->
//   node bench/report/pages.mjs           writes what bench/results/latest.json says
//   node bench/report/pages.mjs --check   says which pages are not what it says, and exits with 1
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { about, headline, overviewTable, priceTable } from './overview.mjs';
import { plot } from './plot.mjs';
import { caseTable } from './tables.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const latest = 'bench/results/latest.json';

const parts = {
  about,
  headline,
  overview: overviewTable,
  prices: priceTable,
  cases: ({ cases }) => cases.map((one) => `### ${one.title}\n\n${caseTable(one)}`).join('\n\n'),
};

/** The text with everything between its markers as the results say. */
export const fillIn = (text, results) =>
  text.replace(
    /(<!-- results: (\w+) -->\n)[\s\S]*?(<!-- \/results -->)/g,
    (_, open, name, close) => `${open}\n${parts[name](results)}\n\n${close}`,
  );

/** Path and text of every page. */
function pagesOf(results) {
  const filled = ['docs/performance.md', 'README.md'].map((path) => [
    path,
    fillIn(readFileSync(join(root, path), 'utf8'), results),
  ]);
  return [...filled, ['docs/performance.svg', plot(results)]];
}

function write(path, text) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** Keeps the results, and tells them in the pages. */
export function writePages(results) {
  write(latest, `${JSON.stringify(results, null, 2)}\n`);
  for (const [path, text] of pagesOf(results)) write(path, text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const results = JSON.parse(readFileSync(join(root, latest), 'utf8'));
  if (process.argv[2] === '--check') {
    const stale = pagesOf(results).filter(([path, text]) => readFileSync(join(root, path), 'utf8') !== text);
    for (const [path] of stale) console.error(`${path} is not what ${latest} says: node bench/report/pages.mjs`);
    process.exitCode = stale.length > 0 ? 1 : 0;
  } else {
    writePages(results);
  }
}
