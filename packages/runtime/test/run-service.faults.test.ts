import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';

const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** A main file in a process of its own. */
class Main {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<unknown[]>;
  output = '';
  errors = '';

  constructor(name: string, env: Record<string, string> = {}) {
    const { BELFRY_URL, REDIS_URL, ...inherited } = process.env;
    this.#process = spawn(
      process.execPath,
      ['--conditions=@belfry/source', '--import', 'tsx', pathOf(`mains/${name}.ts`)],
      { env: { ...inherited, TSX_TSCONFIG_PATH: pathOf('../../../tsconfig.tests.json'), ...env } },
    );
    this.#process.stdout.on('data', (chunk) => {
      this.output += chunk;
    });
    this.#process.stderr.on('data', (chunk) => {
      this.errors += chunk;
    });
    this.#closed = once(this.#process, 'close');
    running.add(this);
  }

  says(text: string): Promise<void> {
    return expect.poll(() => this.output, { timeout: 15_000 }).toContain(text);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  tell(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  /** The exit code, or the signal that ended it. */
  async end(): Promise<unknown> {
    const [code, signal] = await this.#closed;
    running.delete(this);
    return code ?? signal;
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}

const running = new Set<Main>();
afterEach(() => {
  for (const main of running) main.kill();
});

it.each([['SIGTERM'], ['SIGINT']] as const)(
  'drains at %s: what is in flight finishes, may still publish, and the process ends with 0',
  async (signal) => {
    const main = new Main('in-flight');
    await main.says('entered');
    expect(main.output).toContain('ready true');
    main.signal(signal);
    await main.says('slow is stopping');
    await main.says('other has stopped');
    expect(main.output).not.toContain('finished');
    main.tell('go on');
    expect(await main.end()).toBe(0);
    expect(main.output.indexOf('finished')).toBeLessThan(main.output.indexOf('destroyed'));
    expect(main.output).toMatch(/"abandoned":0,"handedOver":0,"msg":"slow has stopped\."/);
    expect(main.errors).toBe('');
  },
);

it.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)('ends at once at a second %s, with %i', async (signal, code) => {
  const main = new Main('in-flight');
  await main.says('entered');
  main.signal('SIGTERM');
  await main.says('slow is stopping');
  main.signal(signal);
  expect(await main.end()).toBe(code);
  expect(main.output).not.toContain('finished');
});

it('logs JSON when standard output is no terminal, with the service and the instance', async () => {
  const main = new Main('in-flight', { LOG_LEVEL: 'info' });
  await main.says('entered');
  main.kill();
  await main.end();
  const lines = main.output.split('\n').filter((line) => line.startsWith('{'));
  const [warning, ready] = lines.map((line) => JSON.parse(line));
  expect(warning).toMatchObject({ level: 40, service: 'slow', msg: expect.stringContaining('memory:') });
  expect(ready).toMatchObject({
    level: 30,
    service: 'slow',
    instance: expect.stringMatching(/^[0-9a-f]{16}$/),
    subscriptions: [{ contract: 'tests.asked', group: 'slow', handler: 'Slow.handle' }],
    msg: 'slow is ready. It handles tests.asked → Slow.handle (group slow).',
  });
});

it('stays alive until it is stopped, and then leaves nothing behind', async () => {
  const main = new Main('stops-itself', { LOG_LEVEL: 'silent' });
  await main.says('ready 1');
  main.signal('SIGUSR2');
  expect(await main.end()).toBe(0);
  expect(main.output).toBe('ready 1\nstopped 0\n');
});

it('can be stopped while it still waits for Redis', async () => {
  const main = new Main('starting');
  await main.says('starting');
  main.signal('SIGTERM');
  expect(await main.end()).toBe(0);
  expect(main.errors).toBe('');
});

it('says what is wrong with the configuration, and ends with 1', async () => {
  const main = new Main('misconfigured', { LOG_LEVEL: 'loud', BELFRY_URL: 'redis//user:secret@host' });
  expect(await main.end()).toBe(1);
  expect(main.output).toBe('');
  expect(main.errors).toMatch(
    /^\nwrong did not start\.\nCONFIG_INVALID: the service wrong cannot run with this configuration:\n- drainTimeout must .*\n- LOG_LEVEL must .*\n- BELFRY_URL: .*\n\n$/,
  );
  expect(main.errors).not.toContain('secret');
});

it('says with a stack what else went wrong, and ends with 1', async () => {
  const main = new Main('broken', { LOG_LEVEL: 'silent' });
  expect(await main.end()).toBe(1);
  expect(main.errors).toMatch(/^\nbroken did not start\.\nTypeError: the database is not there\n +at /);
});

it('leaves nothing behind that holds the process when a start fails', async () => {
  const main = new Main('create-and-fail', { LOG_LEVEL: 'silent' });
  expect(await main.end()).toBe(0);
  expect(main.output).toBe('TRANSPORT_UNAVAILABLE\n');
});
