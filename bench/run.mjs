// npm run bench [-- --case <name> …] [--quick] [--rounds <n>] [--json <file>] [--compare <file>] [--write]
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { cases } from './cases.mjs';
import { startProgress } from './progress.mjs';
import { comparison } from './report/compare.mjs';
import { machine, versions } from './report/about.mjs';
import { writePages } from './report/pages.mjs';
import { summarize } from './report/summary.mjs';
import { caseTable } from './report/tables.mjs';
import { playCase } from './rounds.mjs';
import { serverVersions } from './servers.mjs';

const usage = `Measures Belfry beside what people would take instead. Without options: everything, in less than 10 minutes.
  --case <name>     only the case of that name, or those whose names begin so; may be given again
  --quick           2 rounds instead of 4
  --rounds <n>      so many rounds
  --json <file>     writes the results there
  --compare <file>  tells what changed since those results
  --write           writes the results into bench/results, the docs and the README
  --list            lists the cases`;

const { values } = parseArgs({
  options: {
    case: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    json: { type: 'string' },
    compare: { type: 'string' },
    write: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds ?? (values.quick ? 2 : 4));
const isMeant = (name, wanted) =>
  cases.some((one) => one.name === wanted) ? name === wanted : name.startsWith(wanted);
const chosen = cases.filter(({ name }) => values.case?.some((wanted) => isMeant(name, wanted)) ?? true);

if (values.help || values.list) {
  console.log(values.help ? usage : cases.map(({ name, title }) => `${name.padEnd(18)} ${title}`).join('\n'));
  process.exit();
}
if (chosen.length === 0 || !(rounds >= 1)) {
  console.error(chosen.length === 0 ? 'No such case: --list tells their names.' : '--rounds must be a number from 1.');
  process.exit(1);
}
if (values.write && chosen.length < cases.length) {
  console.error('--write takes a whole run: leave --case out.');
  process.exit(1);
}
const before = values.compare && JSON.parse(readFileSync(values.compare, 'utf8'));

const servers = await serverVersions();
const results = {
  date: new Date().toISOString().slice(0, 10),
  rounds,
  machine: machine(),
  versions: versions(servers),
};
results.cases = [];
const progress = startProgress(chosen.length);
try {
  for (const theCase of chosen) {
    const present = {
      ...theCase,
      variants: theCase.variants.filter(({ server }) => server !== 'nats' || servers['nats-server']),
    };
    const done = progress.begin(theCase.title);
    try {
      const summary = summarize(present, await playCase(present, { rounds, progress: progress.tell }));
      results.cases.push(summary);
      done();
      console.log(`\n### ${summary.title}\n\n${caseTable(summary)}`);
    } catch (error) {
      done();
      console.error(`${theCase.title}: ${error.message}`);
      process.exitCode = 1;
    }
  }
} finally {
  progress.end();
}

if (values.json) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
if (before) console.log(`\n${comparison(before, results)}`);
if (values.write && !process.exitCode) writePages(results);
