import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startRedis } from '@belfry/testing';
import { createService } from 'belfry';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { billing } from './billing.js';
import { onCluster, operator, withCommit } from './operations.js';

const pathOf = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** Prints the rules as somebody would who has copied the script. */
async function printed(): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=@belfry/source', '--import', 'tsx', pathOf('./print-rules.ts')],
    { env: { ...process.env, BILLING_PASSWORD: 'secret', TSX_TSCONFIG_PATH: pathOf('../../../tsconfig.tests.json') } },
  );
  return stdout.trim();
}

it('what the script prints is what the service needs', async () => {
  await using redis = await startRedis({ fresh: true });
  const admin = new Redis(redis.url);
  const command = await printed();
  expect(command).toMatch(
    /^ACL SETUSER billing on resetpass #[0-9a-f]{64} clearselectors resetkeys resetchannels -@all /,
  );
  const [acl = '', ...args] = command.split(' ');
  await admin.call(acl, ...args);
  const url = redis.url.replace('//', '//billing:secret@');
  const service = createService({ ...billing, url, env: { LOG_LEVEL: 'silent' } });
  await service.start();
  await service.stop();
  await admin.call('ACL', 'SETUSER', 'billing', 'clearselectors');
  const weaker = createService({ ...billing, url, env: { LOG_LEVEL: 'silent' } });
  await expect(weaker.start()).rejects.toMatchObject({ code: 'RIGHTS_MISSING' });
  for (const { user, rules } of [withCommit, operator, onCluster]) await admin.acl('SETUSER', user, ...rules);
  admin.disconnect();
});
