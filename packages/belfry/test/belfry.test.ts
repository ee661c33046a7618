import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as belfry from 'belfry';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';

const { createService, defineEvent, injectable, Publisher, Requester, silentLogger, Subscribe } = belfry;
const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

it('exports what is written in its table of contents, and nothing else', () => {
  expect(Object.keys(belfry).sort()).toEqual(
    [
      ...['BelfryError', 'errorCodes', 'RequestError', 'NonRetryableError', 'RetryLaterError'],
      ...['defineChannel', 'defineEvent', 'defineRequest', 'isContract', 'isRequest', 'isRequestError'],
      ...['MessageScoped', 'Respond', 'Subscribe', 'handlersOf', 'subscriptionsOf', 'bindHandlers'],
      ...['currentContext', 'runInContext', 'Publisher', 'Requester'],
      ...['createBus', 'memoryTransport', 'redisTransport', 'silentLogger'],
      ...['createService', 'runService', 'Logger', 'accessRules'],
      ...['Container', 'ContainerModule', 'inject', 'injectable', 'multiInject', 'named', 'optional', 'tagged'],
      ...['postConstruct', 'preDestroy'],
    ].sort(),
  );
});

it('runs a service of a few lines with tsx', async () => {
  const { BELFRY_URL, REDIS_URL, ...env } = process.env;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=@belfry/source', '--import', 'tsx', pathOf('hello.ts')],
    { env: { ...env, TSX_TSCONFIG_PATH: pathOf('../../../tsconfig.tests.json') } },
  );
  const lines = stdout.trim().split('\n');
  expect(lines).toContain('Hello, world!');
  const answering = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  expect(answering.find(({ msg }) => msg === 'answering')).toMatchObject({
    service: 'greeter',
    correlationId: expect.any(String),
    messageId: expect.any(String),
  });
});

const Happened = defineEvent('tests.happened', { schema: z.object({}) });

@injectable()
class ByType {
  constructor(
    readonly publisher: belfry.Publisher,
    readonly requester: belfry.Requester,
  ) {}

  @Subscribe(Happened)
  handle() {}
}

const service = createService({
  name: 'types',
  url: 'memory:types',
  handlers: [ByType],
  logger: silentLogger,
  env: {},
});
beforeAll(() => service.start());
afterAll(() => service.stop());

it('injects by type where the compiler emits metadata', () => {
  expect(service.container.get(ByType)).toMatchObject({ publisher: service.bus, requester: service.bus });
  expect(service.container.get(Publisher)).toBe(service.bus);
  expect(service.container.get(Requester)).toBe(service.bus);
});
