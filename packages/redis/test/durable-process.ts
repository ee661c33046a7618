// A process of its own, to be killed or stopped: `node … durable-process.ts <url> <namespace> <options>` handles jobs until it gets SIGTERM,
// which drains it. Says what happens, a line each: `ready <instance>`, `begins <n> <attempt>`, `aborted <n> <code>`, `done <n>`,
// `rejected <n> <code>` of a commit, `lost <claims>` at the end.
import { setTimeout as sleep } from 'node:timers/promises';
import { BelfryError } from '@belfry/contracts';
import { createBus } from '@belfry/core';
import { redisTransport } from '@belfry/redis';
import { completedKey, JobQueued, type WorkOptions } from './durable-jobs.js';

const [url = '', namespace = '', options = '{}'] = process.argv.slice(2);
const { attempts = 10, ...handling } = JSON.parse(options) as WorkOptions;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const codeOf = (error: unknown): string => (BelfryError.is(error) ? error.code : String(error));
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const bus = createBus({ name: 'workers', namespace, logger: silent, transport: redisTransport({ url }) });

const { stats } = await bus.subscribe(
  JobQueued,
  async ({ n, key = '', takes, does }, { attempt, signal, commit }) => {
    say(`begins ${n} ${attempt}`);
    signal.addEventListener('abort', () => say(`aborted ${n} ${codeOf(signal.reason)}`));
    if (does === 'dies') process.kill(process.pid, 'SIGKILL');
    if (takes > 0) await sleep(takes);
    if (does === 'fails at first' && attempt === 1) throw new Error('It fails at first.');
    if (does !== 'nothing') {
      try {
        await commit(['RPUSH', completedKey(namespace, key), n]);
      } catch (error) {
        say(`rejected ${n} ${codeOf(error)}`);
        throw error;
      }
    }
    say(`done ${n}`);
  },
  { ...handling, retry: { attempts, backoff: { type: 'fixed', delay: 20 } } },
);
process.once('SIGTERM', async () => {
  await bus.close({ timeout: 100 });
  say(`lost ${stats.durable?.claimsLost}`);
  process.exit();
});
say(`ready ${bus.instance}`);
