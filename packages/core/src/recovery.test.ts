import { describe, expect, it } from 'vitest';
import { RecoveredChannel } from '../test/recovered-channel.js';
import { exploreRecovery } from '../test/recovery-explorer.js';
import { nextTurn } from '../test/doubles.js';

/** A subscriber that has had `a1`. */
async function started(): Promise<RecoveredChannel> {
  const channel = new RecoveredChannel();
  await channel.begin();
  channel.publish();
  channel.arrive();
  return channel;
}

const publish = (channel: RecoveredChannel, count: number) => Array.from({ length: count }, () => channel.publish().id);

/** `a1` up to so many. */
const first = (count: number) => Array.from({ length: count }, (_, n) => `a${n + 1}`);

describe('the recovery of what was missed', () => {
  it.each(Array.from({ length: 10 }, (_, n) => n * 30))(
    'hands everything over once, in order, or counts it, whatever happens (30 seeds from %d)',
    async (from) => {
      for (let seed = from + 1; seed <= from + 30; seed++)
        expect(await exploreRecovery(seed), `seed ${seed}`).toEqual([]);
    },
  );

  it('gives a late joiner nothing old', async () => {
    const channel = new RecoveredChannel();
    publish(channel, 3);
    await channel.begin();
    channel.publish();
    channel.arrive();
    channel.cut();
    channel.publish();
    channel.resume();
    await channel.answerAll();
    expect(channel.handed).toEqual(['a4', 'a5']);
    expect(channel.stats).toEqual({ missed: 0, recovered: 1 });
  });

  it('takes the first that comes as it is: what was published while it began is not missed', async () => {
    const channel = new RecoveredChannel();
    await channel.begin();
    channel.cut();
    channel.publish();
    channel.reconnect();
    channel.publish();
    channel.arrive();
    expect(channel.handed).toEqual(['a2']);
    expect(channel.reads).toEqual([]);
  });

  it('reads what was missed, in parts, and then goes on with what came meanwhile', async () => {
    const channel = await started();
    channel.most = 3;
    channel.cut();
    publish(channel, 7);
    channel.resume();
    publish(channel, 2);
    channel.arrive();
    expect(channel.handed).toEqual(['a1']);
    await channel.answerAll();
    publish(channel, 1);
    channel.arrive();
    expect(channel.handed).toEqual(first(11));
    expect(channel.stats).toEqual({ missed: 0, recovered: 7 });
    expect(channel.logger.at('info')).toHaveLength(1);
  });

  it('does not hand over twice what comes on the connection later than it was read', async () => {
    const channel = await started();
    channel.cut();
    publish(channel, 2);
    channel.reconnect();
    publish(channel, 3);
    channel.resume();
    await channel.answerAll();
    channel.arrive(1);
    channel.resume(); // once more, while copies of what was read before are still under way
    await channel.answerAll();
    const { readCount } = channel;
    channel.arrive();
    expect(channel.readCount, 'nor is anything read because of it').toBe(readCount);
    expect(channel.handed).toEqual(first(6));
  });

  it('tries again when the broker is not there, and hands nothing over twice that it has read before', async () => {
    const channel = await started();
    channel.most = 2;
    channel.cut();
    publish(channel, 3);
    channel.reconnect();
    publish(channel, 2);
    channel.resume();
    channel.arrive();
    await nextTurn();
    channel.answer();
    await nextTurn();
    channel.answer();
    await nextTurn();
    channel.fail();
    await channel.clock.turn(999);
    expect(channel.reads).toEqual([]);
    await channel.clock.turn(1);
    await channel.answerAll();
    expect(channel.handed).toEqual(first(6));
    expect(channel.stats.recovered).toBe(3);
    expect(channel.clock.timers).toBe(0);
  });

  it('reads at once when the connection is back before it would try again', async () => {
    const channel = await started();
    channel.cut();
    publish(channel, 1);
    channel.resume();
    await nextTurn();
    channel.fail();
    await nextTurn();
    channel.resume();
    await channel.answerAll();
    expect(channel.handed).toEqual(first(2));
    expect(channel.clock.timers).toBe(0);
  });

  it('counts what has been trimmed before it could be read, once', async () => {
    const channel = await started();
    channel.cut();
    publish(channel, 10);
    channel.trim(4);
    channel.resume();
    await channel.answerAll();
    publish(channel, 1);
    channel.arrive();
    channel.end();
    expect(channel.handed).toEqual(['a1', 'a8', 'a9', 'a10', 'a11', 'a12']);
    expect(channel.gaps).toEqual([
      {
        subscription: 'orders.placed',
        channel: 'shop:orders.placed',
        source: undefined,
        missed: 6,
        reason: 'history',
      },
    ]);
    expect(channel.stats.missed).toBe(6);
  });

  it('counts by the numbers of the publisher what the broker has forgotten, and takes all that is kept since', async () => {
    const channel = await started();
    channel.cut();
    publish(channel, 3);
    channel.beginAnew(channel.time + 5);
    publish(channel, 2);
    channel.resume();
    await channel.answerAll();
    expect(channel.handed).toEqual(['a1', 'a5', 'a6']);
    expect(channel.gaps).toMatchObject([{ source: 'a', missed: 3, reason: 'interrupted' }]);
  });

  it.each([
    ['by a clock that is behind', -500, 3],
    ['and is longer than before', 5, 30],
    ['and is longer than before, by a clock that is behind', -500, 30],
    ['in the same millisecond', 0, 3],
    ['and is empty', 0, 0],
  ])('takes a history that has begun anew %s', async (_, later, count) => {
    const channel = await started();
    publish(channel, 5);
    channel.arrive();
    channel.cut();
    channel.beginAnew(channel.time + later);
    publish(channel, count);
    channel.resume();
    await channel.answerAll();
    publish(channel, 2);
    channel.arrive();
    await channel.answerAll();
    expect(channel.handed).toEqual(first(8 + count));
    expect(channel.stats.missed).toBe(0);
  });

  it('notices by what comes that the history has begun anew, also without having been away', async () => {
    const channel = await started();
    publish(channel, 5);
    channel.arrive();
    channel.beginAnew(channel.time - 500);
    publish(channel, 3);
    channel.arrive();
    await channel.answerAll();
    expect(channel.handed).toEqual(first(9));
    expect(channel.stats).toEqual({ missed: 0, recovered: 0 });
  });

  it('takes nothing for read already that has begun anew by a clock that is behind', async () => {
    const channel = await started();
    channel.cut();
    publish(channel, 3);
    channel.time += 1000;
    publish(channel, 2);
    channel.resume();
    await channel.answerAll();
    channel.beginAnew(channel.time - 500);
    channel.publish();
    channel.arrive();
    await channel.answerAll();
    expect(channel.handed).toEqual(first(7));
  });

  it('reads when something does not follow on what came before', async () => {
    const channel = await started();
    channel.publish();
    channel.copies = [];
    channel.publish();
    channel.arrive();
    expect(channel.handed).toEqual(['a1']);
    await channel.answerAll();
    expect(channel.handed).toEqual(first(3));
  });

  it('reads once more when what came meanwhile shows that the last read was too early', async () => {
    const channel = await started();
    channel.resume();
    await nextTurn();
    channel.serve();
    channel.publish();
    channel.cut();
    channel.reconnect();
    channel.publish();
    channel.arrive(); // before anybody has been told of the interruption
    channel.answer();
    await channel.answerAll();
    expect(channel.handed).toEqual(first(3));
  });

  it('holds no more than a megabyte of what comes while it reads: the rest is in the history', async () => {
    const channel = await started();
    channel.resume();
    await nextTurn();
    channel.serve();
    for (let n = 0; n < 5; n++) channel.publish('a', 400_000);
    channel.arrive();
    await channel.answerAll();
    expect(channel.handed).toEqual(first(6));
    expect(channel.stats).toEqual({ missed: 0, recovered: 4 });
  });

  it('waits with reading while the queue is full, and drops nothing', async () => {
    const channel = await started();
    channel.cut();
    publish(channel, 5);
    channel.isFull = true;
    channel.resume();
    await channel.answerAll();
    expect(channel.handed).toEqual(['a1']);
    channel.relieve();
    await channel.answerAll();
    expect(channel.handed).toEqual(first(6));
  });

  it.each(['999999999999999-999999999999999', '0-1', '0-0', 'nonsense', '1-2-3', '-1'])(
    'hands a forged cursor over like %s, and lets nothing follow from it',
    async (cursor) => {
      const channel = await started();
      channel.forge(cursor);
      channel.arrive();
      await channel.answerAll();
      publish(channel, 2);
      channel.arrive();
      expect(channel.handed).toEqual(['a1', 'forged0', 'a2', 'a3']);
      expect(channel.readCount).toBeLessThan(5);
      expect(channel.stats).toEqual({ missed: 0, recovered: 0 });
    },
  );

  it('concludes nothing about others from a number that is out of place', async () => {
    const channel = await started();
    publish(channel, 9);
    channel.forge('0-1', 'a', 3);
    channel.forge('0-2', 'a', 4);
    channel.arrive();
    await channel.answerAll();
    publish(channel, 1);
    channel.arrive();
    await channel.clock.turn(1000);
    expect(channel.handed).toEqual([...first(10), 'forged0', 'forged1', 'a11']);
    expect(channel.stats.missed).toBe(0);
  });

  it('goes on without the past when the broker refuses to give it, says so, and counts by the publishers', async () => {
    const channel = await started();
    channel.cut();
    publish(channel, 2);
    channel.resume();
    publish(channel, 2);
    channel.arrive();
    await nextTurn();
    channel.fail(new Error('NOPERM'));
    await nextTurn();
    publish(channel, 1);
    channel.arrive();
    expect(channel.handed).toEqual(['a1', 'a4', 'a5', 'a6']);
    expect(channel.refusals).toEqual([new Error('NOPERM')]);
    expect(channel.stats.missed).toBe(2);
    expect(channel.reads).toEqual([]);
  });

  it('rejects at the start when it cannot be read where the history ends', async () => {
    const channel = new RecoveredChannel();
    const started = channel.recovery.start();
    channel.fail();
    await expect(started).rejects.toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
  });

  it('hands over what had arrived when it is ended, without what it has read already, and reads no more', async () => {
    const channel = await started();
    channel.most = 1;
    channel.cut();
    publish(channel, 1);
    channel.resume();
    publish(channel, 2);
    channel.arrive();
    await nextTurn();
    channel.answer();
    await nextTurn();
    channel.answer();
    await nextTurn();
    expect(channel.handed).toEqual(first(4));
    channel.end();
    expect(channel.handed).toEqual(first(4));
    await channel.answerAll();
    channel.recovery.catchUp();
    await nextTurn();
    expect(channel.reads).toEqual([]);
    expect(channel.handed).toEqual(first(4));
  });

  it('does not try again once it is ended', async () => {
    const channel = await started();
    channel.cut();
    channel.resume();
    await nextTurn();
    channel.fail();
    await nextTurn();
    channel.end();
    expect(channel.clock.timers).toBe(0);
  });
});
