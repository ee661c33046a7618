import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { uniqueNamespace } from '@belfry/testing';
import { createBus } from 'belfry';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { FlightDelayed, FlightDeparted, LookupAirport } from '../src/contracts.js';
import { readFlights } from '../src/records.js';

const url = process.env.BELFRY_TEST_REDIS_URL ?? '';

/** A service in a process of its own, as a container runs it. */
class Deployed {
  output = '';
  readonly ended: Promise<number | null>;
  readonly #process;

  constructor(service: string, env: Record<string, string>) {
    const { LOG_LEVEL: _, BOARD_PORT: __, ...inherited } = process.env;
    this.#process = spawn(
      process.execPath,
      ['--conditions=@belfry/source', '--import', 'tsx', 'src/main.ts', ...(service === '' ? [] : [service])],
      {
        cwd: fileURLToPath(new URL('..', import.meta.url)),
        env: { ...inherited, BELFRY_URL: url, LOG_LEVEL: 'info', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.ended = once(this.#process, 'close').then(([code]) => code as number | null);
    onTestFinished(() => void this.#process.kill('SIGKILL'));
  }

  async says(what: RegExp): Promise<RegExpExecArray> {
    await vi.waitUntil(() => what.test(this.output) || this.#process.exitCode !== null, { timeout: 30_000 });
    const said = what.exec(this.output);
    if (said === null) throw new Error(`It has ended:\n${this.output}`);
    return said;
  }

  terminate(): void {
    this.#process.kill('SIGTERM');
  }
}

describe('a service as it is deployed', { timeout: 60_000 }, () => {
  it('works until SIGTERM, and then drains: delays', async () => {
    const namespace = uniqueNamespace();
    const delays = new Deployed('delays', { BELFRY_NAMESPACE: namespace });
    await using bus = createBus({ name: 'test', url, namespace });
    const told: number[] = [];
    await bus.subscribe(FlightDelayed, ({ flight }) => void told.push(flight), { broadcast: true });
    await bus.ready(FlightDeparted, { groups: ['delays'], timeout: '30s' });
    const [late] = readFlights();
    await bus.publish(FlightDeparted, late!);
    await vi.waitUntil(() => told.length > 0, { timeout: 10_000 });
    delays.terminate();
    expect(await delays.ended, delays.output).toBe(0);
    expect(told).toEqual([1]);
    expect(delays.output).toContain('delays has stopped.');
  });

  it('shows the board where it is told to, and ends the page with itself', async () => {
    const namespace = uniqueNamespace();
    const board = new Deployed('board', { BELFRY_NAMESPACE: namespace, BOARD_PORT: '0' });
    const [, page] = await board.says(/The board is at (http:[^"]+\/)\./);
    await board.says(/board is ready/);
    const events = (await fetch(new URL('events', page))).body!.pipeThrough(new TextDecoderStream());
    let heard = '';
    const over = (async () => {
      for await (const text of events) heard += text;
    })();
    await using bus = createBus({ name: 'test', url, namespace });
    await Promise.all(
      readFlights()
        .slice(0, 3)
        .map((flight) => bus.publish(FlightDeparted, flight)),
    );
    await vi.waitUntil(() => heard.includes('"departures":3'), { timeout: 10_000 });
    board.terminate();
    await over; // in order, not cut off
    expect(await board.ended, board.output).toBe(0);
    expect(heard.endsWith('\n\n')).toBe(true);
  });

  it('replays the flights over and over, and stops in between: feed', async () => {
    const namespace = uniqueNamespace();
    await using bus = createBus({ name: 'delays', url, namespace });
    const heard: number[] = [];
    await bus.subscribe(FlightDeparted, ({ flight }) => void heard.push(flight), { concurrency: 1 });
    await bus.subscribe(FlightDeparted, () => {}, { group: 'statistics' });
    await bus.respond(LookupAirport, ({ code }) => LookupAirport.error('UNKNOWN_AIRPORT', { code }));
    const feed = new Deployed('feed', { BELFRY_NAMESPACE: namespace, FEED_SECONDS: '600' });
    await vi.waitUntil(() => heard.length >= 3, { timeout: 30_000 });
    feed.terminate();
    expect(await feed.ended, feed.output).toBe(0);
    expect(heard).toEqual(heard.map((_, index) => index + 1));
    expect(feed.output).not.toMatch(/"level":[456]0/);
  });

  it.each([
    ['', {}, 'Which service? "" is none.'],
    ['gate', {}, 'Which service? "gate" is none.'],
    ['delays', { WORK_MS: 'long' }, 'WORK_MS must be a number, not "long".'],
    ['board', { BOARD_PORT: 'http' }, 'BOARD_PORT must be a port, from 0 to 65535, not "http".'],
  ])('says what is wrong: %j with %j', async (service, env, complaint) => {
    const wrong = new Deployed(service, env);
    expect(await wrong.ended).toBe(1);
    expect(wrong.output).toContain(complaint);
  });
});
