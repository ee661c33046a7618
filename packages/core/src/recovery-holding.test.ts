import { expect, it } from 'vitest';
import { systemClock } from './clock.js';
import { type Standing, standingOf } from './envelope.js';
import type { Losses } from './losses.js';
import { Recovery } from './recovery.js';
import type { SequenceWatch } from './sequence-watch.js';
import type { HistoryPart } from './transport.js';

it('reads again what came while the past was read, where that was too much to be held', async () => {
  const large = 'x'.repeat(700_000);
  const bodyOf = (n: number) =>
    `{"cursor":"1-${n}","sequence":"${n}","specversion":"1.0","id":"i-${n}","source":"/p/1","data":"${large}"}`;
  const kept = [1].map((n) => ({ cursor: `1-${n}`, body: bodyOf(n) }));
  const history = (after: string | undefined): HistoryPart => ({
    entries: after === undefined ? [] : kept.slice(Number(after.slice('1-'.length))),
    last: kept.at(-1)?.cursor,
  });
  const delivered: string[] = [];
  let onRead = () => {};
  const recovery = new Recovery({
    channel: 'shop:orders.kept',
    read: async (after) => {
      const answer = history(after); // as it is now: what comes until it arrives is newer
      onRead();
      return answer;
    },
    deliver: (body) => void delivered.push(standingOf(body)?.cursor ?? '?'),
    room: () => undefined,
    watch: { see: () => {}, forget: () => {} } as unknown as SequenceWatch,
    losses: { recovered: () => {}, missed: () => {} } as unknown as Losses,
    refused: (error) => expect.unreachable(String(error)),
    clock: systemClock,
  });
  const publish = (n: number) => {
    kept.push({ cursor: `1-${n}`, body: bodyOf(n) });
    recovery.take(bodyOf(n), standingOf(bodyOf(n)) as Standing);
  };
  await recovery.start();
  onRead = () => {
    onRead = () => {};
    for (const n of [2, 3, 4]) publish(n);
  };
  recovery.catchUp();
  await expect.poll(() => delivered.length).toBeGreaterThan(0);
  publish(5);
  await expect.poll(() => delivered.includes('1-5')).toBe(true);
  expect(delivered).toEqual(['1-2', '1-3', '1-4', '1-5']);
});
