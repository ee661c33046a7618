import type { RequestContext } from '@belfry/core';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { mailChannel } from '../src/names.js';
import { newGate, until, watched } from './durable-world.js';
import {
  Ask,
  bombardInboxes,
  bombardResponder,
  STRANGER,
  startTalk,
  Tell,
  target,
} from './hostile/bombard-requests.js';
import { Corpus } from './hostile/corpus.js';
import { Random } from '@belfry/core/random';
import { bodiesIn } from './hostile/verdict.js';
import { range, sharedUrl } from './world.js';

describe('strangers who write to the inbox of a responder', () => {
  it.each([1, 2])('reach its handler with requests, and with nothing else (seed %i)', async (seed) => {
    await bombardResponder(seed, 300);
  });

  it('cannot abort, nor take over, what somebody else has asked', async () => {
    const { watch, caller, responder, mailOf, sourceOf, responderInbox, letter, send } = startTalk();
    const [gate, signals] = [newGate(), new Map<string, AbortSignal>()];
    const handler = async ({ n }: { n: number }, { messageId, source, signal }: RequestContext) => {
      if (source === sourceOf(caller)) signals.set(messageId, signal);
      await gate.opened;
      return { n };
    };
    const { stats } = await responder.respond(Ask, handler, { concurrency: 2 });
    const asked = range(4).map((n) => watched(caller.request(Ask, { n })));
    await until(() => stats.received === 4);
    const [running] = [...signals.keys()] as [string];
    const waiting = [2, 3].map((n) => running.replace(/-.*/, `-${n}`)); // ids are counted, so strangers can guess them
    const inbox = mailOf(responder);
    for (const id of [running, ...waiting]) {
      await send(inbox, letter('cancel', STRANGER, id), letter('credit', STRANGER, id, 1000));
      const forged = new Corpus(new Random(5), target).good(9, { id, source: STRANGER });
      await send(responderInbox, Buffer.from(forged));
    }
    await send(inbox, letter('cancel', STRANGER, running));
    gate.open();
    expect(await Promise.all(asked)).toEqual(range(4).map((n) => ({ n })));
    expect(signals.get(running)?.aborted).toBe(false);
    // A stranger may abort what it has asked itself.
    await until(() => stats.cancelled === 3);
    expect(stats).toMatchObject({ received: 7, handled: 4 });
    watch.expectUnharmed();
  });
});

describe('strangers who write to the inbox of an instance', () => {
  it.each([1, 2])('do not come between a caller and its responder (seed %i)', async (seed) => {
    await bombardInboxes(seed, 250);
  });

  it('cannot make a responder give more values than its caller has taken credit for', async () => {
    const { watch, caller, responder, mailOf, sourceOf, letter, send } = startTalk();
    let [given, request] = [0, ''];
    await responder.respond(Ask, ({ n }) => ({ n }));
    await responder.respond(Tell, async function* ({ n }, { messageId }) {
      request = messageId;
      for (given = 0; given < n; given++) yield { n: given };
    });
    const stream = caller.request(Tell, { n: 5000 })[Symbol.asyncIterator]();
    await stream.next();
    await until(() => given === 127); // it waits in its 128th yield
    const credits = [-1, 1e308, '1000', [1000], Number.MAX_SAFE_INTEGER, null, { valueOf: 1000 }];
    await send(mailOf(responder), ...credits.map((credit) => letter('credit', STRANGER, request, credit)));
    await send(
      mailOf(responder),
      ...credits.slice(0, 4).map((credit) => letter('credit', sourceOf(caller), request, credit)),
    );
    expect(await caller.request(Ask, { n: 7 })).toEqual({ n: 7 });
    expect(given).toBe(127);
    await stream.return?.();
    watch.expectUnharmed();
  });

  it('who pose as the responder and leave out a part are noticed: the stream ends with REPLY_LOST', async () => {
    const { watch, caller, responder, mailOf, sourceOf, letter, send } = startTalk();
    const gate = newGate();
    let request = '';
    await responder.respond(Tell, async function* (_, { messageId }) {
      request = messageId;
      yield { n: 0 };
      await gate.opened;
    });
    const stream = caller.request(Tell, { n: 1 })[Symbol.asyncIterator]();
    expect(await stream.next()).toMatchObject({ value: { n: 0 } });
    const next = watched(stream.next());
    await send(mailOf(caller), letter('values', sourceOf(responder), request, [{ n: 7 }], '5'));
    await expect(next).rejects.toMatchObject({ code: 'REPLY_LOST' });
    gate.open();
    watch.expectUnharmed();
  });

  it('with values that nobody asked for are told to stop, in a bounded number of letters', async () => {
    const { watch, namespace, caller, responder, mailOf, letter, send } = startTalk();
    await responder.respond(Ask, ({ n }) => ({ n }));
    await caller.request(Ask, { n: 1 });
    const listener = new Redis(sharedUrl);
    onTestFinished(() => listener.disconnect());
    const told: string[] = [];
    listener.on('smessage', (_, body: string) => void told.push(body));
    await listener.ssubscribe(mailChannel(`${namespace}:${STRANGER.slice(1)}`));
    const forged = range(100).map((n) => letter('values', STRANGER, `nobody-${n}`, [{ n }], '0'));
    await send(mailOf(caller), ...forged);
    await until(() => told.flatMap((body) => bodiesIn(Buffer.from(body))).length === 100);
    expect(caller.requests.late).toBe(100);
    const huge = range(30).map((n) =>
      letter('values', '/away/0000000000000bad', `nobody-${n}-${'y'.repeat(190_000)}`, [1]),
    );
    await send(mailOf(caller), ...huge);
    expect(await caller.request(Ask, { n: 2 })).toEqual({ n: 2 });
    expect(caller.requests.late, 'nobody is called like that').toBe(100);
    watch.expectUnharmed();
  });

  it('cannot hold a caller up with a letter of many megabytes', async () => {
    const { watch, loggers, caller, responder, mailOf, letter, send } = startTalk();
    await responder.respond(Ask, ({ n }) => ({ n }));
    await caller.request(Ask, { n: 1 });
    const size = 8 << 20;
    await send(
      mailOf(caller),
      letter('reply', STRANGER, 'nobody', 'DATA'),
      Buffer.alloc(size, '[{},'),
      Buffer.alloc(size, '\x1e{}'),
    );
    await send(
      mailOf(caller),
      Buffer.from(
        letter('reply', STRANGER, 'r', 'DATA')
          .toString()
          .replace('"DATA"', `[${'{"a":[]},'.repeat(size / 9)}1]`),
      ),
    );
    expect(await caller.request(Ask, { n: 2 })).toEqual({ n: 2 });
    watch.expectUnharmed();
    watch.expectDiscreet(loggers[0].lines, 1);
  });
});
