import { type BelfryError, defineChannel } from '@belfry/contracts';
import { expect } from 'vitest';
import type { Command, MessageContext } from '../../context.js';
import { behaviour } from '../behaviour.js';
import { Booked, Counted, type Numbered } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { ALL_DONE, appender, envelopeOf, untilStands } from '../logs.js';
import { Stall } from '../stall.js';
import { Gate, until } from '../waiting.js';
import type { World } from '../world.js';

const UNKNOWN = ['BELFRY.NO-SUCH-COMMAND'] as const;

/** Commits have effects that anybody can see: they publish on a bare channel. */
async function effectsIn(world: World) {
  const Effects = defineChannel(`${world.namespace}-effects`);
  const inbox = new Inbox<string>();
  const watcher = await world.bus('watcher');
  await watcher.subscribe(Effects, inbox.take);
  const effect = (text: string): Command => ['PUBLISH', Effects.channel, text];
  /** Everything that was committed so far. */
  const seen = async (): Promise<string[]> => {
    const mark = `mark ${inbox.size}`;
    await watcher.publish(Effects, mark);
    await until(() => inbox.data.includes(mark), 'the mark');
    return inbox.data.filter((text) => !text.startsWith('mark'));
  };
  return { effect, seen };
}

const failureOf = (promise: Promise<unknown>): Promise<BelfryError | undefined> =>
  promise.then(
    () => undefined,
    (error) => error,
  );

/** An event is acknowledged together with its effects, or not at all. */
export const durableCommits = [
  behaviour(
    'acknowledges an event in the step in which it runs the commands of its commit',
    ['durable events', 'commits', 'bare channels'],
    async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      const { effect, seen } = await effectsIn(world);
      const [gate, committed] = [new Gate(), new Gate()];
      const { stats } = await worker.subscribe(Booked, async ({ n }, { commit }) => {
        await commit(effect(`${n} once`), effect(`${n} twice`));
        committed.open();
        await gate.opened;
      });
      await publisher.publish(Booked, { n: 7 });
      await committed.opened;
      await untilStands(publisher, Booked, 'worker', ALL_DONE);
      expect(stats, 'the handler still runs').toMatchObject({ inFlight: 1, handled: 0 });
      expect(await seen()).toEqual(['7 once', '7 twice']);
      gate.open();
      await until(() => stats.handled === 1, 'the handler to end');
      expect(stats).toMatchObject({ received: 1, failed: 0, durable: { claimsLost: 0 } });
    },
  ),

  behaviour(
    'does not try again what a handler has committed, whatever it throws afterwards',
    ['durable events', 'commits', 'bare channels'],
    async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      const { effect, seen } = await effectsIn(world);
      const attempts: number[] = [];
      const handle = async (_: Numbered, { attempt, commit }: MessageContext) => {
        attempts.push(attempt);
        await commit(effect('committed'));
        throw new Error('after the commit');
      };
      const { stats } = await worker.subscribe(Booked, handle, { retry: { backoff: { delay: 1 } } });
      await publisher.publish(Booked, { n: 0 });
      await until(() => stats.failed === 1, 'the failure to be counted');
      await untilStands(publisher, Booked, 'worker', { ...ALL_DONE, deadLetters: 0 });
      expect(attempts).toEqual([1]);
      expect(await seen()).toEqual(['committed']);
      expect(stats).toMatchObject({ received: 1, handled: 0, durable: { retried: 0, deadLettered: 0, claimsLost: 0 } });
      expect(world.logger.at('error')).toMatchObject([{ message: expect.stringContaining('after its commit') }]);
    },
  ),

  behaviour(
    'refuses a commit with a command that cannot be run, and the event is tried again: COMMIT_REFUSED',
    ['durable events', 'commits', 'bare channels'],
    async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      const { effect, seen } = await effectsIn(world);
      const errors: unknown[] = [];
      const handle = async (_: Numbered, { attempt, commit }: MessageContext) => {
        if (attempt > 1) return commit(effect('committed'));
        const error = await failureOf(commit(UNKNOWN, effect('refused')));
        errors.push(error);
        throw error;
      };
      const { stats } = await worker.subscribe(Booked, handle, { retry: { backoff: { delay: 1 } } });
      await publisher.publish(Booked, { n: 0 });
      await until(() => stats.handled === 1, 'the second attempt');
      expect(errors).toMatchObject([{ code: 'COMMIT_REFUSED', message: expect.stringMatching(/command/i) }]);
      expect(await seen()).toEqual(['committed']);
      await untilStands(publisher, Booked, 'worker', { ...ALL_DONE, deadLetters: 0 });
      expect(stats).toMatchObject({ received: 2, failed: 1, durable: { retried: 1 } });
    },
  ),

  behaviour(
    'refuses a commit for an event that another instance has taken over, with all its effects: CLAIM_LOST',
    ['durable events', 'commits', 'bare channels'],
    async (world) => {
      const stall = new Stall();
      const [publisher, other] = [await world.bus('publisher'), await world.bus('worker')];
      const stalled = await world.bus('worker', { transport: stall.of(await world.factory()) });
      const { effect, seen } = await effectsIn(world);
      const [gate, contexts] = [new Gate(), [] as MessageContext[]];
      const errors: unknown[] = [];
      const { stats } = await stalled.subscribe(
        Booked,
        async (_, context) => {
          contexts.push(context);
          await gate.opened;
          const early = failureOf(context.commit(effect('stale')));
          stall.end(); // the commit was asked for before it could know
          errors.push(await early, await failureOf(context.commit(effect('stale too'))));
        },
        { claimTimeout: '1m' },
      );
      await publisher.publish(Booked, { n: 0 });
      await until(() => stats.inFlight === 1, 'the event to be taken');
      stall.begin();
      const attempts: number[] = [];
      const handle = async (_: Numbered, { attempt, commit }: MessageContext) => {
        attempts.push(attempt);
        await commit(effect('committed'));
      };
      const successor = await other.subscribe(Booked, handle, { claimTimeout: 100 });
      await until(() => successor.stats.handled === 1, 'the other instance to take it over');
      gate.open();
      await until(() => errors.length === 2, 'both commits to be answered');
      expect(errors).toMatchObject([{ code: 'CLAIM_LOST' }, { code: 'CLAIM_LOST' }]);
      expect(contexts[0]!.signal.reason).toMatchObject({ code: 'CLAIM_LOST' });
      expect(attempts).toEqual([2]);
      expect(await seen()).toEqual(['committed']);
      expect(stats.durable?.claimsLost).toBe(1);
      await untilStands(publisher, Booked, 'worker', { ...ALL_DONE, deadLetters: 0 });
    },
  ),

  behaviour(
    'counts an event as completed that was committed, for what comes a second time',
    ['durable events', 'commits'],
    async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      const append = await appender(world, Booked);
      let calls = 0;
      const handle = async (_: Numbered, { commit }: MessageContext) => {
        calls++;
        await commit();
        throw new Error('after the commit');
      };
      const { stats } = await worker.subscribe(Booked, handle, { once: '1d' });
      await append(envelopeOf(Booked, { n: 0 }));
      await until(() => stats.failed === 1, 'the first one');
      await append(envelopeOf(Booked, { n: 1 }));
      await until(() => stats.durable?.repeated === 1, 'the second one to be dropped');
      await untilStands(publisher, Booked, 'worker', ALL_DONE);
      expect(calls).toBe(1);
    },
  ),

  behaviour(
    'takes nothing but lists of texts and numbers for commands: OPTION_INVALID',
    ['durable events', 'commits'],
    async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      const wrong: unknown[] = ['PUBLISH', [], ['SET', Number.NaN], ['SET', undefined], ['SET', { a: 1 }], null];
      const codes: unknown[] = [];
      await worker.subscribe(Booked, async (_, { commit }) => {
        for (const command of wrong) codes.push((await failureOf(commit(command as Command)))?.code);
      });
      await publisher.publish(Booked, { n: 0 });
      await untilStands(publisher, Booked, 'worker', ALL_DONE);
      expect(codes).toEqual(wrong.map(() => 'OPTION_INVALID'));
    },
  ),

  behaviour(
    'has nothing to commit for a transient event and for a broadcast: UNSUPPORTED',
    ['durable events'],
    async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      const codes: unknown[] = [];
      const handle = async (_: Numbered, { commit }: MessageContext) => {
        codes.push((await failureOf(commit(['SET', 'a', 1])))?.code);
      };
      await worker.subscribe([Counted, Booked], handle, { broadcast: true });
      await publisher.publish(Booked, { n: 0 });
      await publisher.publish(Counted, { n: 0 });
      await until(() => codes.length === 2, 'two events');
      expect(codes).toEqual(['UNSUPPORTED', 'UNSUPPORTED']);
    },
  ),
];
