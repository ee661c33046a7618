import { expect } from 'vitest';
import type { BusEvent } from '../../bus-events.js';
import type { SubscribeOptions } from '../../bus.js';
import { behaviour } from '../behaviour.js';
import { Counted } from '../contracts.js';
import { until } from '../waiting.js';

const ignore = () => {};

/** How a bus stands with its broker. */
export const status = [
  behaviour('is idle until it is used, then connected, and closed when it has been closed', [], async (world) => {
    const bus = await world.bus();
    const told: string[] = [];
    for (const event of ['connected', 'interrupted', 'resumed', 'closed'] as const) {
      bus.on(event, () => told.push(`${event}: ${bus.status}`));
    }
    expect(bus.status).toBe('idle');
    await bus.subscribe(Counted, ignore, { broadcast: true });
    await bus.publish(Counted, { n: 1 });
    expect(bus.status).toBe('connected');
    expect(told).toEqual(['connected: connected']);
    await bus.close();
    expect(bus.status).toBe('closed');
    await until(() => told.length > 1, 'the end to be told');
    expect(told).toEqual(['connected: connected', 'closed: closed']);
  }),

  behaviour('is connected when it has published, and when it has only listened', [], async (world) => {
    for (const use of ['publish', 'subscribe'] as const) {
      const bus = await world.bus();
      if (use === 'publish') await bus.publish(Counted, { n: 1 });
      else await bus.subscribe(Counted, ignore, { broadcast: true });
      expect([use, bus.status]).toEqual([use, 'connected']);
    }
  }),

  behaviour('does not fail because a listener to its events does', [], async (world) => {
    const bus = await world.bus();
    bus.on('connected', () => {
      throw new Error('as the test says');
    });
    const end = bus.on('closed', () => expect.fail('It had been ended.'));
    end();
    await bus.publish(Counted, { n: 1 });
    await bus.close();
    const errors = world.logger.at('error').map(({ message }) => message);
    expect(errors).toEqual([expect.stringContaining("bus's event connected threw")]);
  }),

  behaviour('refuses wrong words about loss, each with a hint of the right ones', ['patterns'], async (world) => {
    const bus = await world.bus();
    const subscribe = (options: object) => bus.subscribe(Counted, ignore, options as SubscribeOptions);
    await expect(subscribe({ drop: 'all' })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining("drop must be 'newest' or 'oldest'"),
    });
    await expect(subscribe({ drop: 'all', recover: {}, concurrency: 0 })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringMatching(
        /(?=.*recover is said in the contract)(?=.*drop must be)(?=.*concurrency must be)/s,
      ),
    });
    await expect(bus.subscribe('conformance.*', ignore, { recover: {} } as object)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining('subscribe to the contracts themselves'),
    });
    const unknown = () => bus.on('disconnected' as BusEvent, ignore);
    expect(unknown).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
    expect(bus.subscriptions).toEqual([]);
  }),
];
