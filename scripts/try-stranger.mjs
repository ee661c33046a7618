// npm run try:stranger: does what somebody does who has never seen Belfry, in an empty folder, with the packages as they would be published: create a
// project, install it, test it, run its services over a Redis, publish one message with redis-cli, see it handled, stop.
//
//   --keep     leaves the folder, and says where it is
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, install, root } from './prepare.mjs';

const { values } = parseArgs({ options: { keep: { type: 'boolean' } } });
const WITHIN_MS = 60_000;

/** Runs a command to its end. @throws Error with its output when it fails */
function command(name, args, cwd, env = process.env) {
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${name} ${args.join(' ')} ended with ${code}:\n${output}`)),
    );
  });
}

/** A service that runs: what it says can be waited for. */
class Running {
  constructor(name, args, cwd, env) {
    this.name = name;
    this.output = '';
    this.child = spawn(process.execPath, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.ended = new Promise((resolve) => this.child.on('close', (code, signal) => resolve(code ?? signal)));
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on('data', (chunk) => (this.output += chunk));
  }

  async says(text) {
    const until = Date.now() + WITHIN_MS;
    while (!this.output.includes(text)) {
      if (Date.now() > until || this.child.exitCode !== null)
        throw new Error(`${this.name} never said “${text}”, but:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop() {
    this.child.kill('SIGTERM');
    const end = await this.ended;
    if (end !== 0) throw new Error(`${this.name} ended with ${end} when it was asked to stop:\n${this.output}`);
  }
}

async function step(title, work) {
  const from = performance.now();
  const result = await work();
  console.log(`✓ ${title.padEnd(66)} ${((performance.now() - from) / 1000).toFixed(1).padStart(6)} s`);
  return result;
}

async function tryIt(folder) {
  const tarballs = join(folder, 'packed');
  const app = join(folder, 'my-app');
  await step('npm pack: every package as it would be published', async () => {
    await command('mkdir', ['-p', tarballs]);
    for (const name of readdirSync(join(root, 'packages'))) {
      const { private: isPrivate } = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));
      if (!isPrivate) await command('npm', ['pack', '--pack-destination', tarballs], join(root, 'packages', name));
    }
  });
  const scaffold = readdirSync(tarballs).find((file) => file.startsWith('create-belfry-'));
  await step('npm create belfry my-app', () =>
    command(
      'npm',
      ['exec', '--yes', '--package', join(tarballs, scaffold), '--', 'create-belfry', 'my-app', '--tarballs', tarballs],
      folder,
    ),
  );
  await step('npm install', () => command('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund'], app));
  await step('npm test', () => command('npm', ['test'], app));
  await step('npm run dev: without a Redis, an order is shipped', async () => {
    const dev = new Running('dev', ['--import', 'tsx', 'src/dev.ts'], app, {
      BELFRY_URL: 'memory:',
      LOG_LEVEL: 'info',
    });
    try {
      await dev.says('"shipped"');
      await dev.stop();
    } finally {
      dev.child.kill('SIGKILL');
    }
  });
  await step('npm run build', () => command('npm', ['run', 'build'], app));

  const { findRedisCli, startRedis } = await import('../packages/testing/dist/index.js');
  const redis = await step('a Redis', () => startRedis({ fresh: true }));
  const env = { BELFRY_URL: redis.url, NODE_ENV: 'production', LOG_LEVEL: 'info' };
  const running = ['shop', 'billing', 'billing'].map((name) => new Running(name, ['dist/main.js', name], app, env));
  try {
    await step('npm start shop, npm start billing, twice', () =>
      Promise.all(running.map((service) => service.says('is ready'))),
    );
    const cli = await findRedisCli();
    await step(`redis-cli PUBLISH orders '{"sku":"bell","pieces":2}'`, () =>
      command(cli.command, ['-p', String(redis.port), 'PUBLISH', 'orders', '{"sku":"bell","pieces":2}'], app, {
        ...process.env,
        ...cli.env,
      }),
    );
    await step('ordered, charged and shipped, as the logs tell', () => running[0].says('"shipped"'));
    await step('stop: everybody finishes and ends well', () => Promise.all(running.map((service) => service.stop())));
  } finally {
    for (const { child } of running) child.kill('SIGKILL');
    await redis.stop();
  }
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'belfry-stranger-'));
  try {
    await tryIt(folder);
    return 0;
  } catch (error) {
    console.error(`✗ ${error.message}`);
    return 1;
  } finally {
    if (values.keep) console.log(folder);
    else rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = (await install()) || (await build()) || (await main());
