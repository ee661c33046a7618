import { fileURLToPath } from 'node:url';
import { startRedis } from '@belfry/testing';
import { Redis } from 'ioredis';
import { afterEach, expect, it, vi } from 'vitest';
import { accessOfAll } from '../src/access.js';
import { check, expectedFlights } from '../src/check.js';
import { type Admit, runInProcesses } from '../src/many-processes.js';
import { computeTruth } from '../src/truth.js';

const pathOf = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
afterEach(() => void vi.unstubAllEnvs());

it('runs with a Redis user for each service, who may do what it must and nothing else', {
  timeout: 120_000,
}, async () => {
  await using redis = await startRedis({ fresh: true });
  const admin = new Redis(redis.url);
  const truth = computeTruth();
  const options = {
    seconds: 2,
    workTimeMs: 0,
    page: undefined,
    expectedFlights: expectedFlights(truth),
    signal: new AbortController().signal,
  };
  let namespace = '';
  const admit: Admit = async (its) => {
    namespace = its;
    for (const { user, rules } of accessOfAll(namespace, 'in secret')) await admin.acl('SETUSER', user, ...rules);
    return (name) => redis.url.replace('//', `//${name}:in%20secret@`);
  };
  vi.stubEnv('TSX_TSCONFIG_PATH', pathOf('../tsconfig.json'));
  const evidence = await runInProcesses(redis.url, options, admit, {
    file: pathOf('../src/service.ts'),
    options: ['--conditions=@belfry/source', '--import', 'tsx'],
  });
  const { problems } = check(truth, evidence);
  expect(problems).toEqual([]);

  // Whatever was refused was what Belfry does without: it asks once in each connection.
  const refused = (await admin.acl('LOG', 1000)) as unknown[][];
  const objects = new Set(refused.map((fields) => fields[fields.indexOf('object') + 1]));
  expect([...objects].sort()).toEqual(['client|id', 'client|info']);

  // A board hears, and does not publish; the feed publishes, and hears nothing.
  const [board, feed] = ['board', 'feed'].map(
    (name) => new Redis(redis.url.replace('//', `//${name}:in%20secret@`), { protocol: 2, disableClientInfo: true }),
  );
  const all = `belfry:{${namespace}:flights.departed}:all`;
  await expect(board!.publish(all, 'forged')).rejects.toThrow('NOPERM');
  await expect(feed!.subscribe(all)).rejects.toThrow('NOPERM');
  for (const client of [admin, board, feed]) client!.disconnect();
});
