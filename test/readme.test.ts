import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { uniqueNamespace } from '@belfry/testing';
import { createService } from 'belfry';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Announcements, OrderPlaced, OrderPlacedV2 } from '../docs/snippets/contracts.js';
import { Billing } from '../docs/snippets/handlers.js';

/** Runs a file as a reader would: with tsx, and nothing compiled before. */
async function runWithTsx(file: string, env: Record<string, string>): Promise<string[]> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=@belfry/source', '--import', 'tsx', file],
    { env: { ...process.env, TSX_TSCONFIG_PATH: 'tsconfig.tests.json', LOG_LEVEL: 'fatal', ...env } },
  );
  return stdout.trim().split('\n');
}

const places = [
  ['memory', { BELFRY_URL: 'memory:' }],
  ['Redis', { BELFRY_URL: process.env.BELFRY_TEST_REDIS_URL as string }],
] as const;

describe("README's code", () => {
  it.each(places)('says hello over %s, and ends', async (_place, env) => {
    const said = await runWithTsx('examples/hello/src/main.ts', { ...env, BELFRY_NAMESPACE: uniqueNamespace() });
    expect(said).toEqual(['shop: sells a bell', 'billing: takes 1250 cents for a bell', 'shop: ships a bell']);
  });

  it.each(places)('asks and answers over %s', async (_place, env) => {
    const said = await runWithTsx('docs/snippets/requests/main.ts', { ...env, BELFRY_NAMESPACE: uniqueNamespace() });
    expect(said).toEqual([
      'bell: 1250 cents',
      'moon: not for sale',
      'rope',
      'DUPLICATE_RESPONDER',
      '{ cents: 300 }',
      'NO_RESPONDERS',
    ]);
  });

  it('runs a bus without decorators or a container', async () => {
    const said = await runWithTsx('docs/snippets/bus.ts', { BELFRY_URL: 'memory:' });
    expect(said.sort()).toEqual(['ann spent 12.5', '{ broadcast: 0, groups: { reports: 1 } }']);
  });

  it('handles what its handlers say they handle', async () => {
    const lines: object[] = [];
    const log = (fields: object, message: string) => void lines.push({ ...fields, message });
    const logger = { debug: log, info: log, warn: log, error: log };
    const service = createService({ name: 'billing', handlers: [Billing], url: 'memory:readme', logger });
    onTestFinished(async () => void (await service.stop()));
    const announced: string[] = [];
    await service.start();
    await service.bus.subscribe(Announcements, (text) => void announced.push(text));
    const receipt = await service.bus.publish(OrderPlaced, { orderId: 'o-1', customerId: 'ann', total: 3 });
    expect(receipt).toEqual({ broadcast: 1, groups: { billing: 1, 'billing.audit': 1 } });
    await service.bus.publish(OrderPlacedV2, { orderId: 'o-2', placedAt: '2026-01-02T03:04:05Z' });
    await vi.waitUntil(
      () => announced.length === 1 && service.bus.subscriptions.every(({ stats }) => stats.inFlight === 0),
    );
    await vi.waitUntil(() => lines.some((line) => JSON.stringify(line).includes('version 2')));
    expect(announced).toEqual(['order o-1 is being charged']);
    expect(lines).toContainEqual(expect.objectContaining({ orderId: 'o-1', message: 'orders.placed, version 1' }));
    expect(lines).toContainEqual(expect.objectContaining({ orderId: 'o-2', message: 'orders.placed, version 2' }));
    expect(lines).toContainEqual(expect.objectContaining({ type: 'orders.placed', message: 'an event went by' }));
  });
});
