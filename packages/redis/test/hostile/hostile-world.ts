// What the tests of hostile input share: contracts, and the channels that strangers write to.
import { defineChannel, defineEvent } from '@belfry/contracts';
import type { Bus, Subscription } from '@belfry/core';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { broadcastChannel, inboxChannel } from '../../src/names.js';
import { sharedUrl } from '../world.js';
import { bodiesIn, fitsSchema, type Verdict, verdictOf } from './verdict.js';
import type { Target } from './corpus.js';

export const noted = z.object({ n: z.number(), note: z.string().optional() });
export const Noted = defineEvent('hostile.noted', { schema: noted });
export const KeyedNoted = defineEvent('hostile.keyed', { schema: noted, key: ({ n }) => String(n) });

/** What a subscription with this limit takes for an event of this contract. */
export const targetOf = ({ name, version }: { name: string; version: number }, limit: number): Target => ({
  type: name,
  version,
  limit,
});

/** A client with no manners. It ends with the test. */
export function startStranger(url = sharedUrl): Redis {
  const stranger = new Redis(url);
  stranger.on('error', () => {}); // it may be killed
  onTestFinished(() => stranger.disconnect());
  return stranger;
}

/** A way for events into a handler, and what should come of them. */
export interface Way {
  readonly title: string;
  readonly contract: { readonly name: string; readonly version: number };
  /** @param take is told of every call of the handler */
  readonly open: (bus: Bus, take: (data: unknown) => void) => Promise<Subscription>;
  readonly command: 'PUBLISH' | 'SPUBLISH';
  readonly channel: (bus: Bus) => string;
  readonly bodiesIn: (message: Buffer) => string[];
  readonly judge: (body: string, limit: number) => Verdict;
  /** What the handler gets of a body that is good. */
  readonly dataIn: (body: string) => unknown;
}

const dataOf = (body: string) => JSON.parse(body).data;
const ofNoted = (body: string) => {
  const { n, note } = dataOf(body);
  return note === undefined ? { n } : { n, note };
};
const alone = (message: Buffer) => [message.toString()];
const channelOf = (bus: Bus, { name }: { name: string }) => `${bus.namespace}:${name}`;

function eventWay(title: string, contract: typeof Noted | typeof KeyedNoted, options: { broadcast?: true }): Way {
  return {
    title,
    contract,
    open: (bus, take) => bus.subscribe(contract as typeof Noted, take, options),
    command: options.broadcast ? 'PUBLISH' : 'SPUBLISH',
    channel: (bus) =>
      options.broadcast
        ? broadcastChannel(channelOf(bus, contract))
        : inboxChannel(channelOf(bus, contract), bus.name, bus.instance),
    bodiesIn,
    judge: (body, limit) => verdictOf(body, limit, targetOf(contract, limit)),
    dataIn: ofNoted,
  };
}

const pattern: Way = {
  title: 'the frames that a pattern hears',
  contract: Noted,
  open: (bus, take) => bus.subscribe('hostile.*', (data: unknown) => take(data)),
  command: 'PUBLISH',
  channel: (bus) => broadcastChannel(channelOf(bus, Noted)),
  bodiesIn,
  judge: (body, limit) => verdictOf(body, limit),
  dataIn: dataOf,
};

function bareWay(name: string, schema?: typeof noted): Way {
  const contract = schema === undefined ? defineChannel(name) : defineChannel(name, { schema });
  const read = (body: string): unknown => {
    try {
      return JSON.parse(body);
    } catch {
      return body;
    }
  };
  return {
    title: `a bare channel ${schema === undefined ? 'without' : 'with'} a schema`,
    contract: { name, version: 1 },
    open: (bus, take) => bus.subscribe(contract as never, take as never),
    command: 'PUBLISH',
    channel: () => name,
    bodiesIn: alone,
    judge: (body, limit) => {
      if (Buffer.byteLength(body) > limit) return 'tooLarge';
      return schema === undefined || fitsSchema(read(body)) ? 'good' : 'invalid';
    },
    dataIn: (body) => (schema === undefined ? body : ofNoted(`{"data":${body}}`)),
  };
}

/** Made anew for each test: a bare channel stands outside the namespaces. */
export const allWays = (unique: string): Way[] => [
  eventWay('the broadcast frames of an event', Noted, { broadcast: true }),
  eventWay('the inbox of a group', Noted, {}),
  eventWay('the inbox of a group that keeps to keys', KeyedNoted, {}),
  pattern,
  bareWay(`bare-text-${unique}`),
  bareWay(`bare-json-${unique}`, noted),
];
