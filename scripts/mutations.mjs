// npm run test:mutations [-- --only <text>] [--verbose]: holds the tests to what they claim to show. For each promise of test/promises it puts the fault
// into a copy of the working tree, runs the one test that the promise names, and wants it to fail: because of what it asserts, or because
// what it waits for does not happen. A fault that breaks the build, a script or the test's own file proves nothing, and neither does a test
// that fails anyway. The working tree is left alone. Takes minutes, and belongs to no other check.
import { spawn } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { tsImport } from 'tsx/esm/api';
import { build, install, root } from './prepare.mjs';

const { values: options } = parseArgs({
  options: { only: { type: 'string', default: '' }, verbose: { type: 'boolean', default: false } },
});
const only = options.only.toLowerCase();

/** A run that has not ended by then does not end: its fault blocks the event loop. */
const PATIENCE_MS = 180_000;
const CONFIGS = { faults: 'vitest.faults.config.ts', default: 'vitest.config.ts' };

const { subjects } = await tsImport('../test/promises/index.ts', import.meta.url);
const promises = subjects
  .flatMap(({ promises }) => promises)
  .filter(({ promise, test, mutation }) =>
    [promise, test.title, test.file, mutation.file].some((text) => text.toLowerCase().includes(only)),
  );
if (promises.length === 0) {
  console.error(`No promise speaks of ${options.only}.`);
  process.exit(1);
}

// The tests start Redis through the built package, and so does this program.
if ((await install()) !== 0 || (await build()) !== 0) process.exit(1);
const { startRedis } = await import('@belfry/testing');
const { Redis } = await import('ioredis');

const copy = mkdtempSync(join(tmpdir(), 'belfry-mutations-'));
const report = join(copy, 'report.json');
let running;
const endRunning = () => {
  try {
    if (running?.pid !== undefined) process.kill(-running.pid, 'SIGKILL');
  } catch {
    // it has ended
  }
};
process.on('exit', () => {
  endRunning();
  rmSync(copy, { recursive: true, force: true, maxRetries: 10 }); // what has just been ended may still write
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** Everything but what is installed; for that, links. Those of npm to this project's packages lead to the copy. */
function copyTree() {
  const left = new Set(['node_modules', '.git', '.turbo', 'coverage']);
  cpSync(root, copy, { recursive: true, filter: (path) => !left.has(basename(path)) });
  const link = (folder) => {
    mkdirSync(join(copy, folder));
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isSymbolicLink()) symlinkSync(readlinkSync(join(root, path)), join(copy, path));
      else if (entry.name.startsWith('@')) link(path);
      else symlinkSync(join(root, path), join(copy, path));
    }
  };
  link('node_modules');
}

/** Runs a program of the copy. Resolves with what it printed, or with `undefined` when it did not end. */
function run(args, patience = PATIENCE_MS) {
  return new Promise((resolve) => {
    // A group of its own, so that nothing of it is left when it has to be ended.
    running = spawn(process.execPath, args, { cwd: copy, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    for (const stream of [running.stdout, running.stderr]) stream.on('data', (chunk) => (output += chunk));
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      endRunning();
    }, patience);
    running.on('close', () => {
      clearTimeout(timer);
      endRunning();
      running = undefined; // its number may be another's from now on
      resolve(late ? undefined : output);
    });
  });
}

const textOf = (file) => readFileSync(join(copy, file), 'utf8');
const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

/** Runs named tests of one config. Resolves with each vitest result by `file title`, and what was printed. */
async function runTests(tests, config) {
  writeFileSync(report, '{}');
  const files = [...new Set(tests.map(({ file }) => file))];
  const titles = `(^| )(${tests.map(({ title }) => escaped(title)).join('|')})$`;
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', CONFIGS[config ?? 'default'], ...files];
  const args = [...vitest, '-t', titles, '--reporter=json', `--outputFile=${report}`];
  const output = await run(args, PATIENCE_MS * files.length);
  const results = new Map();
  for (const { name, assertionResults } of JSON.parse(readFileSync(report, 'utf8')).testResults ?? []) {
    for (const each of assertionResults) {
      const test = tests.find(({ file, title }) => name.endsWith(`/${file}`) && title === each.title);
      if (test === undefined || (each.status !== 'passed' && each.status !== 'failed')) continue;
      const key = keyOf(test);
      if (results.get(key)?.status !== 'failed') results.set(key, each);
    }
  }
  return { results, output };
}

const keyOf = ({ file, title }) => `${file} ${title}`;

/**
 * Why a test failed that is proof: what it asserts or waits for is not so, or what it awaits is refused by Belfry, or by a Redis without
 * memory. What else is thrown may come of a fault that breaks more than it should; and so may HANDLER_FAILED, and what Redis says of a script.
 */
const PROOF = [
  /^(Error: )?(AssertionError|expected |promise (resolved|rejected)|It should have failed)/,
  /^(Error: )?(Waited in vain|Timed out in wait|\S.* did not print |STACK_TRACE_ERROR)/, // the last is vitest's: the test took too long
  /^BelfryError: (?!.*(HANDLER_FAILED|script))/,
  /^ReplyError: OOM /,
];
const isProof = (why) => PROOF.some((reason) => reason.test(why));

async function judgeByVitest(test) {
  const { results, output } = await runTests([test], test.config);
  if (output === undefined) return { verdict: 'unproven', why: 'the run did not end' };
  const result = results.get(keyOf(test));
  if (result === undefined) return { verdict: 'unproven', why: `the test did not run\n${lastLines(output)}` };
  if (result.status === 'passed') return { verdict: 'survived', why: 'the test passes' };
  const why = firstLine(result.failureMessages[0] ?? '');
  return { verdict: isProof(why) ? 'found' : 'unproven', why };
}

/** What must not compile says so with `@ts-expect-error`, and the compiler complains where it does compile. */
async function judgeByCompiler({ file, title }) {
  const output = await run(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.tests.json', '--pretty', 'false']);
  if (output === undefined) return { verdict: 'unproven', why: 'the compiler did not end' };
  const line = textOf(file)
    .split('\n')
    .findIndex((text) => text.endsWith(`@ts-expect-error - ${title}`));
  if (output.includes(`${file}(${line + 1},`) && /TS2578/.test(output)) return { verdict: 'found', why: 'it compiles' };
  if (output.trim() === '') return { verdict: 'survived', why: 'it still does not compile' };
  return { verdict: 'unproven', why: lastLines(output) };
}

const isOfTypes = ({ file }) => file.endsWith('.test-d.ts');
const firstLine = (text) => stripVTControlCharacters(text).split('\n', 1)[0].slice(0, 160);
const lastLines = (text) => text.trim().split('\n').slice(-12).join('\n');

/** Writes the fault into the copy. Returns what takes it out again. */
function putIn({ file, from, to }) {
  const path = join(copy, file);
  const before = textOf(file);
  if (before.split(from).length !== 2) throw new Error(`${file} has ${before.split(from).length - 1} times: ${from}`);
  writeFileSync(
    path,
    before.replace(from, () => to),
  );
  return () => writeFileSync(path, before);
}

/** A script with a mistake would make many a test fail. */
async function scriptsCompile() {
  const folder = join(copy, 'packages/redis/src/lua');
  for (const name of readdirSync(folder).filter((name) => name.endsWith('.lua')))
    await redis.script('LOAD', readFileSync(join(folder, name), 'utf8'));
}

async function judge({ test, mutation }) {
  const isLua = mutation.file.endsWith('.lua');
  let takeOut = () => {};
  try {
    takeOut = putIn(mutation);
    if (isLua) {
      const withFault = textOf(mutation.file);
      await run(['scripts/lua.mjs']);
      if (textOf(mutation.file) !== withFault)
        throw new Error('npm run lua takes it out: put it into what is included');
      await scriptsCompile();
    }
    return isOfTypes(test) ? await judgeByCompiler(test) : await judgeByVitest(test);
  } catch (error) {
    return { verdict: 'unproven', why: firstLine(String(error)) };
  } finally {
    takeOut();
    if (isLua) await run(['scripts/lua.mjs']);
  }
}

copyTree();
const server = await startRedis({ fresh: true }); // it ends with this process
const redis = new Redis(server.url);

/** What a test shows that fails without any fault. */
const failing = new Set();
for (const config of [undefined, 'faults']) {
  const tests = promises.map(({ test }) => test).filter((test) => test.config === config && !isOfTypes(test));
  if (tests.length === 0) continue;
  console.log(`First ${tests.length} tests without a fault (${CONFIGS[config ?? 'default']}) …`);
  const { results } = await runTests(tests, config);
  for (const test of tests) {
    const passes = ({ results }) => results.get(keyOf(test))?.status === 'passed';
    // Once more by itself: several files at a time may be too much for a small machine.
    if (!passes({ results }) && !passes(await runTests([test], config))) failing.add(keyOf(test));
  }
}

const counts = { found: 0, survived: 0, unproven: 0 };
const SIGNS = { found: '✓ found   ', survived: '✗ survived', unproven: '? unproven' };
const began = performance.now();
for (const each of promises) {
  const start = performance.now();
  const { verdict, why } = failing.has(keyOf(each.test))
    ? { verdict: 'unproven', why: 'the test fails, or is skipped, without a fault too' }
    : await judge(each);
  counts[verdict]++;
  const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(5);
  console.log(`${SIGNS[verdict]} ${seconds} s  ${each.promise}`);
  if (verdict !== 'found') {
    const { test, mutation } = each;
    console.log(
      `    ${test.file}: ${test.title}\n    ${mutation.file}: ${mutation.from}\n    ${why.replaceAll('\n', '\n    ')}`,
    );
  } else if (options.verbose) console.log(`    ${why}`);
}
redis.disconnect();
await server.stop();
const minutes = ((performance.now() - began) / 60_000).toFixed(1);
console.log(
  `\n${promises.length} promises: ${counts.found} faults found, ${counts.survived} survived, ${counts.unproven} unproven; ${minutes} min`,
);
process.exitCode = counts.survived + counts.unproven > 0 ? 1 : 0;
