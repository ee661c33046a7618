// npm test [-- <arguments for vitest>]: every check of the project, in order, up to the first that fails. Needs no set-up.
// npm run test:faults [-- <arguments for vitest>]: the tests in which processes and servers are killed, and nothing else.
import { build, install, run, runTool } from './prepare.mjs';

const [mode, ...rest] = process.argv.slice(2);
const onlyFaults = mode === '--faults';
const args = onlyFaults ? ['--config', 'vitest.faults.config.ts', ...rest] : process.argv.slice(2);

const every = [
  ['install', install],
  ['build', build],
  ['types', () => runTool('tsc', ['-p', 'tsconfig.tests.json'])],
  ['lint', () => runTool('biome', ['check', '.'])],
  ['boundaries', () => run(process.execPath, ['scripts/boundaries.mjs'])],
  ['licences', () => run(process.execPath, ['scripts/licences.mjs'])],
  ['tests', () => runTool('vitest', ['run', ...args])],
];
const steps = onlyFaults ? every.filter(([name]) => ['install', 'build', 'tests'].includes(name)) : every;

const summary = [];
for (const [name, check] of steps) {
  if (process.exitCode) {
    summary.push(`  - ${name.padEnd(12)}not run`);
    continue;
  }
  console.log(`\n── ${name} ${'─'.repeat(76 - name.length)}`);
  const start = performance.now();
  const code = await check();
  const time = `${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s`;
  if (code !== 0) process.exitCode = code;
  console.log(`${name}: ${code === 0 ? 'passed' : `failed with exit code ${code}`}, ${time.trim()}`);
  summary.push(`  ${code === 0 ? '✓' : '✗'} ${name.padEnd(12)}${time}${code === 0 ? '' : `   exit code ${code}`}`);
}
console.log(`\n── summary ${'─'.repeat(69)}\n${summary.join('\n')}\n`);
