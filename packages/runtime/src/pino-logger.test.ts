import { runInContext } from '@belfry/core';
import { expect, it } from 'vitest';
import { withContext } from './logger.js';
import { createPinoLogger } from './pino-logger.js';

const flow = {
  correlationId: 'c-1',
  messageId: 'm-1',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
};

function linesOf(pretty: boolean, level: 'debug' | 'info' | 'silent' = 'info') {
  const lines: string[] = [];
  const logger = createPinoLogger({
    service: 'billing',
    level,
    pretty,
    destination: { write: (line) => lines.push(line) },
  });
  return { logger, lines };
}

it('writes JSON lines that carry the message being handled', () => {
  const { logger, lines } = linesOf(false);
  logger.info('outside');
  runInContext(flow, () => logger.warn({ orderId: 'o-1' }, 'inside'));
  runInContext({ correlationId: 'c-2' }, () => logger.info('a job'));
  logger.debug('too quiet');
  const [outside, inside, job, ...others] = lines.map((line) => JSON.parse(line));
  expect(outside).toMatchObject({ service: 'billing', msg: 'outside', level: 30 });
  expect(outside).not.toHaveProperty('correlationId');
  expect(inside).toMatchObject({
    service: 'billing',
    msg: 'inside',
    orderId: 'o-1',
    correlationId: 'c-1',
    messageId: 'm-1',
    trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
  });
  expect(job).toMatchObject({ correlationId: 'c-2' });
  expect(job).not.toHaveProperty('messageId');
  expect(others).toEqual([]);
});

it('writes debug lines when told so', () => {
  const { logger, lines } = linesOf(false, 'debug');
  logger.debug({ group: 'billing' }, 'subscribed');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level: 20, group: 'billing', msg: 'subscribed' }]);
});

it('is silent when told so', () => {
  const { logger, lines } = linesOf(false, 'silent');
  logger.error('nothing');
  expect(lines).toEqual([]);
});

it('writes lines for people on a terminal', async () => {
  const { Writable } = await import('node:stream');
  const lines: string[] = [];
  const destination = new Writable({
    write: (chunk, _, done) => {
      lines.push(String(chunk));
      done();
    },
  });
  const logger = createPinoLogger({ service: 'billing', level: 'info', pretty: true, destination });
  runInContext(flow, () => logger.info({ orderId: 'o-1', subscriptions: [] }, 'hello'));
  await expect.poll(() => lines.join('')).toContain('\n');
  expect(lines.join('')).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: \[billing\] hello \{.*"correlationId":"c-1".*\}\n$/);
  expect(lines.join('')).not.toContain('subscriptions');
});

it('gives a logger of yours the same fields, and lines without fields', () => {
  const calls: unknown[][] = [];
  const record = (level: string) => (fields: object, message: string) => void calls.push([level, fields, message]);
  const logger = withContext({
    debug: record('debug'),
    info: record('info'),
    warn: record('warn'),
    error: record('error'),
  });
  logger.info('outside');
  runInContext(flow, () => {
    logger.error({ orderId: 'o-1', correlationId: 'its own' }, 'inside');
    logger.debug('bare');
  });
  const fields = { correlationId: 'c-1', messageId: 'm-1', trace_id: '4bf92f3577b34da6a3ce929d0e0e4736' };
  expect(calls).toEqual([
    ['info', {}, 'outside'],
    ['error', { ...fields, orderId: 'o-1', correlationId: 'its own' }, 'inside'],
    ['debug', fields, 'bare'],
  ]);
});
