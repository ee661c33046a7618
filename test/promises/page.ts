import { subjects } from './index.js';
import type { KeptPromise, Mutation, NamedTest } from './kept-promise.js';

/** Code in a cell of a table, whatever it holds. */
function code(text: string): string {
  const line = text.replace(/\s*\n\s*/g, ' ⏎ ').trim();
  if (line === '') return '(nothing)';
  const ticks = line.includes('`') ? '``' : '`';
  const room = ticks.length > 1 ? ' ' : '';
  return `${ticks}${room}${line.replaceAll('|', '\\|')}${room}${ticks}`;
}

/** In text, what Markdown would take for a sign of its own. */
const plain = (text: string): string => text.replace(/[|*<]/g, '\\$&');

const link = (path: string): string => `[${path.slice(path.lastIndexOf('/') + 1)}](../${path})`;

const shownBy = ({ file, behaviour, title }: NamedTest): string =>
  `${plain(title)} (${behaviour === undefined ? link(file) : `${link(behaviour)}, ${file.includes('/redis/') ? 'over Redis' : 'in memory'}`})`;

const brokenBy = ({ file, from, to }: Mutation): string => `${link(file)}: ${code(from)} → ${code(to)}`;

const row = ({ promise, test, mutation }: KeptPromise): string =>
  `| ${plain(promise)} | ${shownBy(test)} | ${brokenBy(mutation)} |\n`;

const count = subjects.reduce((sum, { promises }) => sum + promises.length, 0);

/** docs/promises.md */
export const page = `<!-- Made by \`npm run promises\` from test/promises: change those. -->
# What Belfry promises, and how that is known

${count} promises. Each has a test that shows it, and a fault: a change of the code that makes this very test fail. \`npm test\` checks that tests and
faults are where this page says. \`npm run test:mutations\` puts each fault into a copy of the code, runs its test, and wants it to fail;
\`npm run test:mutations -- --only <text>\` does so for the promises in which that text stands.

A test that a compiler reads (\`*.test-d.ts\`) is named by what it says that must not compile. \`⏎\` is the end of a line.
${subjects
  .map(
    ({ title, promises }) =>
      `\n## ${title}\n\n| promise | shown by | a fault that it finds |\n| --- | --- | --- |\n${promises.map(row).join('')}`,
  )
  .join('')}`;
