// A system of real processes under faults, by seed: `npm run test:soak -- --seconds 30 --seed 7`. At the end what was published is compared with
// what was handled. Exit code 1 when that does not add up.
import { setTimeout as sleep } from 'node:timers/promises';
import { readArguments } from './arguments.js';
import { judge, missing } from './ledger.js';
import { endangered, findingText, judgeProcesses, processes, story, summary } from './report.js';
import { Storm } from './storm.js';
import { System } from './system.js';

const PROGRESS_MS = 5000;
/** So long after the last fault everything is well again: a dead connection is noticed, a claim is taken over. */
const CALM_MS = 4000;
/** What has to come yet comes within so long, or it never does. */
const PATIENCE_MS = 30_000;

const options = readArguments(process.argv.slice(2));
if ('mistake' in options) {
  console.error(options.mistake);
  process.exit(2);
}
const { seconds, seed, verbose } = options;
console.log(`soak: seed ${seed}, ${seconds} s`);

const system = await System.start(seed);
const { book } = system;
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, async () => {
    if (interrupted) return;
    interrupted = true;
    console.log(`\nsoak: ${signal}, everything ends.`);
    await system.stop();
    process.exit(130);
  });
}

try {
  process.exitCode = (await soak()) ? 0 : 1;
} catch (error) {
  if (!interrupted) console.error('soak: it broke off.', error);
  process.exitCode = 1;
} finally {
  if (!interrupted) {
    await system.stop();
    process.exit();
  }
}

async function soak(): Promise<boolean> {
  const audience = () => system.those('audience').map(({ name }) => name);
  await system.launch();
  const began = performance.now();
  const storm = new Storm(system);
  const tell = () => {
    system.read();
    const time = Math.round((performance.now() - began) / 1000);
    console.log(
      `${String(time).padStart(4)} s: ${book.publishes.size} published, ${book.handled} handled, ${storm.count} faults`,
    );
  };
  const progress = setInterval(tell, PROGRESS_MS);
  await sleep(seconds * 1000);
  await storm.end();
  await sleep(CALM_MS);
  await system.drain('publisher');
  for (const until = performance.now() + PATIENCE_MS; performance.now() < until; await sleep(200)) {
    system.read();
    await system.readLog();
    if (missing(book, audience()) === 0) break;
  }
  await system.drain('audience', 'member', 'responder');
  clearInterval(progress);
  tell();

  const verdict = judge(book, audience());
  const findings = [...verdict.findings, ...judgeProcesses(book)];
  console.log(
    `\n${summary(book, verdict)}\n${endangered(book, verdict)}\n\n${processes(book, new Map(system.slots.map(({ name, lives }) => [name, lives])))}`,
  );
  console.log(
    `\nfaults: ${Object.entries(storm.counts)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ')}\n`,
  );
  for (const finding of findings) {
    console.log(findingText(finding));
    if (!verbose) continue;
    for (const id of finding.ids.slice(0, 5)) {
      const publish = book.publishes.get(id.split(' ')[0] ?? '');
      if (publish !== undefined) console.log(`    ${story(book, publish)}`);
    }
  }
  if (verbose) {
    for (const { slot = 'all', why, from, to } of book.troubles)
      console.log(
        `  trouble of ${slot}: ${why}, ${new Date(from).toISOString().slice(17, 23)}–${new Date(to).toISOString().slice(17, 23)}`,
      );
    for (const [slot, { logs }] of book.records) for (const log of logs) console.log(`  ${slot} ${log}`);
  }
  console.log(findings.length === 0 ? `soak: seed ${seed} adds up.` : `soak: seed ${seed} does not add up.`);
  return findings.length === 0;
}
