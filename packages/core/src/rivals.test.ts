import { describe, expect, it } from 'vitest';
import { errorWith, nextTurn, ScriptedTransport, TurnedClock } from '../test/doubles.js';
import { RecordedLogger } from './conformance/recorded-logger.js';
import { Rivals } from './rivals.js';

const CHANNEL = 'test:pricing.quote/request';

function start() {
  const clock = new TurnedClock();
  const transport = new ScriptedTransport();
  const logger = new RecordedLogger();
  const looks: string[] = [];
  const groups: Record<string, number> = { pricing: 1 };
  transport.onAudience = async (channel) => {
    looks.push(channel);
    return { broadcast: 0, groups: { ...groups } };
  };
  const rivals = new Rivals({ transport, group: 'pricing', logger, clock });
  return { clock, transport, logger, looks, groups, rivals };
}

describe('another service that responds to the same request', () => {
  it('stops the start, and is named', async () => {
    const { groups, rivals } = start();
    groups.quotes = 1;
    groups.stock = 1;
    await expect(rivals.refuse(CHANNEL)).rejects.toMatchObject({
      code: 'DUPLICATE_RESPONDER',
      message: expect.stringMatching(/pricing cannot respond to pricing\.quote: quotes and stock/),
    });
  });

  it('does not stop the start when it is away, or is the own', async () => {
    const { groups, rivals } = start();
    groups.quotes = 0;
    await rivals.refuse(CHANNEL);
  });

  it('stops the start when the broker does not say', async () => {
    const { transport, rivals } = start();
    transport.onAudience = () => Promise.reject(errorWith('TRANSPORT_UNAVAILABLE'));
    await expect(rivals.refuse(CHANNEL)).rejects.toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
  });

  it('is logged when it came at the same time, once', async () => {
    const { clock, logger, groups, rivals } = start();
    groups.quotes = 1;
    rivals.watch(CHANNEL);
    await clock.turn(20_000);
    expect(logger.lines).toEqual([
      {
        level: 'error',
        fields: { request: 'pricing.quote', group: 'pricing', rivals: ['quotes'] },
        message: expect.stringContaining('Another service responds'),
      },
    ]);
  });

  it('is found when it comes later, is logged again when it comes back, and when another joins it', async () => {
    const { clock, logger, groups, rivals } = start();
    rivals.watch(CHANNEL);
    await clock.turn(5000);
    expect(logger.lines).toEqual([]);
    groups.quotes = 1;
    await clock.turn(5000);
    expect(logger.lines).toHaveLength(1);
    groups.quotes = 0;
    await clock.turn(5000);
    expect(logger.lines).toHaveLength(1);
    groups.quotes = 1;
    await clock.turn(5000);
    expect(logger.lines).toHaveLength(2);
    groups.stock = 1;
    await clock.turn(5000);
    expect(logger.lines[2]?.fields.rivals).toEqual(['quotes', 'stock']);
  });

  it('is looked for at the beginning and every 5 s, for each channel, by one timer', async () => {
    const { clock, looks, rivals } = start();
    rivals.watch(CHANNEL);
    rivals.watch('test:stock.count/request');
    expect(clock.timers).toBe(1);
    expect(looks).toHaveLength(2);
    await clock.turn(4999);
    expect(looks).toHaveLength(2);
    await clock.turn(1);
    expect(looks.slice(2)).toEqual([CHANNEL, 'test:stock.count/request']);
  });

  it('is looked for no more when nothing is answered any more: the timer is gone', async () => {
    const { clock, looks, rivals } = start();
    rivals.watch(CHANNEL);
    rivals.watch('test:stock.count/request');
    rivals.unwatch(CHANNEL);
    expect(clock.timers).toBe(1);
    await clock.turn(5000);
    expect(looks.slice(2)).toEqual(['test:stock.count/request']);
    rivals.unwatch('test:stock.count/request');
    expect(clock.timers).toBe(0);
    await clock.turn(20_000);
    expect(looks).toHaveLength(3);
  });

  it('is not logged by a look that ends after the responder did', async () => {
    const { logger, groups, rivals } = start();
    groups.quotes = 1;
    rivals.watch(CHANNEL);
    rivals.unwatch(CHANNEL);
    await nextTurn();
    expect(logger.lines).toEqual([]);
  });

  it('is looked for again after the broker was away', async () => {
    const { clock, transport, logger, groups, rivals } = start();
    const answer = transport.onAudience;
    groups.quotes = 1;
    transport.onAudience = () => Promise.reject(errorWith('TRANSPORT_UNAVAILABLE'));
    rivals.watch(CHANNEL);
    await clock.turn(5000);
    expect(logger.lines).toEqual([]);
    transport.onAudience = answer;
    await clock.turn(5000);
    expect(logger.lines).toHaveLength(1);
  });
});
