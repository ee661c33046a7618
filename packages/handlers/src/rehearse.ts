import { BelfryError } from '@belfry/contracts';
import {
  type Bus,
  createBus,
  type Durability,
  type Responder,
  silentLogger,
  type Subscription,
  type Transport,
} from '@belfry/core';
import type { DecoratedHandler } from './handler-records.js';
import type { Mistakes } from './mistakes.js';

/** Starts handlers on a bus that leads nowhere: so the bus's own rules are asked before anything is started in earnest. */
export async function rehearse(handlers: readonly DecoratedHandler[], bus: Bus, mistakes: Mistakes): Promise<void> {
  const { name, namespace } = bus;
  const rehearsal = createBus({ name, namespace, transport: () => nowhere, logger: silentLogger });
  for (const handler of handlers) {
    try {
      const started = await start(handler, rehearsal);
      await started.end();
    } catch (error) {
      mistakes.add(BelfryError.is(error) ? error.code : 'OPTION_INVALID', {
        message: `${handler.place}: ${plain(error)}`,
        cause: error,
      });
    }
  }
  await rehearsal.close();
}

const start = (handler: DecoratedHandler, bus: Bus): Promise<Subscription | Responder> =>
  handler.kind === 'respond'
    ? bus.respond(handler.contract, () => undefined, handler.options)
    : bus.subscribe(handler.source as string, () => {}, handler.options as object);

/** Without the code in front of it. */
const plain = (error: unknown): string =>
  BelfryError.is(error) ? error.message.slice(error.code.length + 2) : String(error);

/** A log in which nothing ever happens. */
const silence: Pick<Durability, 'createGroup' | 'work' | 'read' | 'tend'> = {
  createGroup: async () => {},
  work: async () => ({
    refused: [],
    failed: [],
    deliveries: [],
    more: false,
    dueIn: undefined,
    lapsed: false,
    kept: [],
    lost: 0,
    repeated: 0,
    epoch: '',
    count: 0,
  }),
  read: async () => ({ entries: [], last: '', count: 0, epoch: '', dueIn: undefined }),
  tend: async () => [],
};

const nowhere: Transport = {
  unsupported: {},
  durable: silence as Durability,
  publish: async () => ({ broadcast: 0, groups: {} }),
  publishBare: async () => 0,
  ask: async () => undefined,
  send: async () => false,
  listening: async () => new Set(),
  resumedAt: Number.NEGATIVE_INFINITY,
  subscribe: async () => ({ end: async () => {} }),
  history: async () => ({ entries: [], last: undefined }),
  audience: async () => ({ broadcast: 0, groups: {} }),
  bareAudience: async () => 0,
  close: async () => {},
};
