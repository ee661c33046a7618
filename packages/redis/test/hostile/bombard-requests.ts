import { defineRequest } from '@belfry/contracts';
import { uniqueNamespace } from '@belfry/testing';
import { expect } from 'vitest';
import { inboxChannel, mailChannel } from '../../src/names.js';
import { newGate, until, watched } from '../durable-world.js';
import { collectingLogger, range, sharedUrl, startBus } from '../world.js';
import { sendAll } from './bombard.js';
import { Corpus, SECRET } from './corpus.js';
import { Random } from '@belfry/core/random';
import { noted, startStranger, targetOf } from './hostile-world.js';
import { bodiesIn, envelopeIn, tally, type Verdict, verdictOf } from './verdict.js';
import { ProcessWatch } from './watch.js';

export const Ask = defineRequest('hostile.ask', { input: noted, output: noted });
export const Tell = defineRequest('hostile.tell', { input: noted, output: noted, stream: true });
const LIMIT = 20_000;
export const STRANGER = '/stranger/0000000000000bad';
export const target = targetOf(Ask, LIMIT);

/** A caller, a responder, and somebody who knows how they talk. */
export function startTalk(options: { maxMessageBytes?: number } = { maxMessageBytes: LIMIT }) {
  const [watch, stranger, namespace] = [new ProcessWatch(), startStranger(), uniqueNamespace()];
  const loggers = [collectingLogger(), collectingLogger()] as const;
  const [caller, responder] = (['shop', 'pricing'] as const).map((name, i) =>
    startBus(name, { url: sharedUrl }, { namespace, logger: loggers[i]!, ...options }),
  ) as [ReturnType<typeof startBus>, ReturnType<typeof startBus>];
  const mailOf = (bus: typeof caller) => mailChannel(`${namespace}:${bus.name}/${bus.instance}`);
  const sourceOf = (bus: typeof caller) => `/${bus.name}/${bus.instance}`;
  const responderInbox = inboxChannel(`${namespace}:${Ask.name}/request`, 'pricing', responder.instance);
  const letter = (kind: string, source: string, request: string, data?: unknown, sequence?: unknown) =>
    Buffer.from(
      JSON.stringify({
        ...{ specversion: '1.0', id: 'x', source, type: `belfry.${kind}`, causationid: request },
        ...{ sequence, data },
      }),
    );
  const send = (channel: string, ...messages: Buffer[]) => sendAll(stranger, 'SPUBLISH', channel, messages);
  return { watch, stranger, namespace, loggers, caller, responder, mailOf, sourceOf, responderInbox, letter, send };
}

/** What becomes of a request that a stranger writes. */
function requestVerdict(body: string): Verdict | 'expired' {
  const verdict = verdictOf(body, LIMIT, target);
  const envelope = envelopeIn(body);
  if (verdict === 'tooLarge' || envelope === undefined) return verdict;
  if (!/^\/[A-Za-z0-9._-]+\/[0-9a-f]{16}$/.test(envelope.source as string)) return 'unreadable';
  return verdict !== 'wrongContract' && envelope.timeoutms === 0 ? 'expired' : verdict;
}

/** Writes to the inbox of a responder whatever the seed says, and expects that its handler gets what is a request, in order. */
export async function bombardResponder(seed: number, messages: number): Promise<void> {
  const { watch, loggers, caller, responder, responderInbox, send } = startTalk();
  const taken: number[] = [];
  const { stats } = await responder.respond(Ask, ({ n }) => {
    taken.push(n);
    return { n };
  });
  const corpus = new Corpus(new Random(seed), target);
  const sent = Array.from({ length: messages }, () => corpus.message());
  await send(responderInbox, ...sent, Buffer.from(corpus.good(-1)));
  const bodies = [...sent.flatMap(bodiesIn), corpus.good(-1)];
  const verdicts = bodies.map(requestVerdict);
  const good = bodies.filter((_, i) => verdicts[i] === 'good').map((body) => JSON.parse(body).data.n);
  await until(() => taken.length >= good.length && stats.received >= bodies.length);
  expect(taken).toEqual(good);
  const { good: handled, ...rejected } = tally(verdicts.filter((verdict) => verdict !== 'expired'));
  const expired = verdicts.filter((verdict) => verdict === 'expired').length;
  await until(() => stats.inFlight === 0);
  expect(stats).toMatchObject({ received: bodies.length, handled, failed: 0, dropped: 0, expired, rejected });
  expect(await caller.request(Ask, { n: 7 })).toEqual({ n: 7 });
  watch.expectUnharmed();
  watch.expectDiscreet([...loggers[0].lines, ...loggers[1].lines], 2);
}

/** Writes letters to a caller and a responder while they talk, and expects that both understand each other all the same. */
export async function bombardInboxes(seed: number, messages: number): Promise<void> {
  const { watch, loggers, caller, responder, mailOf, letter, send } = startTalk();
  const gate = newGate();
  const ids: string[] = [];
  await responder.respond(Ask, async ({ n }, { messageId }) => {
    ids.push(messageId);
    await gate.opened;
    return { n };
  });
  await responder.respond(Tell, async function* ({ n }, { messageId }) {
    ids.push(messageId);
    for (const each of range(n)) yield { n: each };
  });
  const asked = range(5).map((n) => watched(caller.request(Ask, { n })));
  const stream = caller.request(Tell, { n: 1000 })[Symbol.asyncIterator]();
  expect(await stream.next()).toMatchObject({ value: { n: 0 } });
  await until(() => ids.length === 6);
  const corpus = new Corpus(new Random(seed), target);
  const known = {
    requests: ids,
    sources: [STRANGER, '/x', '', '/shop/}:all', SECRET, `/${SECRET}/0000000000000bad`],
  };
  for (const bus of [caller, responder]) {
    await send(mailOf(bus), ...Array.from({ length: messages }, () => corpus.letter(known)));
    await send(mailOf(bus), ...ids.map((id) => letter('reply', STRANGER, id, { n: 666 })));
  }
  gate.open();
  expect(await Promise.all(asked)).toEqual(range(5).map((n) => ({ n })));
  const rest: number[] = [];
  for (let next = await stream.next(); next.done !== true; next = await stream.next()) rest.push(next.value.n);
  expect(rest).toEqual(range(999, 1));
  expect(caller.requests).toMatchObject({ asked: 6, answered: 6, failed: 0, inFlight: 0 });
  watch.expectUnharmed();
  watch.expectDiscreet([...loggers[0].lines, ...loggers[1].lines], 2);
}
