import { BelfryError } from '@belfry/contracts';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { delivery, errorWith, NOTHING, nextTurn, TurnedClock, watched } from '../../test/doubles.js';
import { ScriptedDurability } from '../../test/scripted-durability.js';
import { Slots } from '../slots.js';
import type { WorkRequest } from './durability.js';
import type { Delivery, Work } from './delivery.js';
import type { Held } from './held.js';
import type { News, Outcome } from './outcome.js';
import { Worker, type WorkerOptions } from './worker.js';

// What only a scripted broker shows. What must be true of several workers, whatever happens, stands in ../../test/workers.

const DONE: Outcome = { outcome: 'done' };

/** Lets follow what follows. */
async function quiet(): Promise<void> {
  for (let turns = 0; turns < 5; turns++) await nextTurn();
}

const nameOf = (token: number) => ({ id: `${token}-0`, token });
const deliveries = (count: number, body?: string): Delivery[] =>
  Array.from({ length: count }, (_, n) => delivery(n + 1, body));

/** A worker with two slots, and a broker that gives it what the test says, one answer after the other, and then nothing. */
function startWorker(answers: (Partial<Work> | Error)[], options: Partial<WorkerOptions> = {}) {
  const clock = new TurnedClock();
  const requests: WorkRequest[] = [];
  const news: News[] = [];
  const began: Held[] = [];
  const ends = new Map<number, (outcome: Outcome) => void>();
  let epoch = 'e';
  const durable = new ScriptedDurability();
  durable.work = async (request) => {
    requests.push(request);
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    epoch = answer?.epoch ?? epoch;
    return { ...NOTHING, epoch, ...answer };
  };
  const worker = new Worker({
    durable,
    channel: 'shop:orders.placed',
    group: 'billing',
    instance: 'i1',
    slots: new Slots(2),
    claimTimeout: 30_000,
    once: false,
    run: (held) => {
      began.push(held);
      return new Promise((resolve) => ends.set(held.token, resolve));
    },
    tell: (each) => void news.push(each),
    clock,
    ...options,
  });
  worker.start();
  /** A handler comes to its end. */
  const end = (token: number, outcome: Outcome = DONE) => ends.get(token)!(outcome);
  /** What was settled in each call that settled something. */
  const settled = () =>
    requests
      .filter(({ settlements }) => settlements.length > 0)
      .map(({ settlements }) => settlements.map(({ token, outcome }) => `${token} ${outcome}`));
  return { worker, clock, durable, answers, requests, news, began, end, settled };
}

describe('a worker that takes', () => {
  it('asks at once for as much as it has slots for, in its own name', async () => {
    const { requests } = startWorker([]);
    await quiet();
    expect(requests).toEqual([
      {
        channel: 'shop:orders.placed',
        group: 'billing',
        instance: 'i1',
        holder: 'i1.0',
        holding: 0,
        settlements: [],
        room: 2,
        claimTimeout: 30_000,
        once: false,
        former: undefined,
      },
    ]);
  });

  it('shows what it runs, and what waits for a slot', async () => {
    const { worker, began, end } = startWorker([{ deliveries: deliveries(3) }]);
    await quiet();
    expect(began.map(({ token }) => token)).toEqual([1, 2]);
    expect([worker.inFlight, worker.queued]).toEqual([2, 1]);
    end(1);
    await quiet();
    expect(began.map(({ token }) => token)).toEqual([1, 2, 3]);
    expect([worker.inFlight, worker.queued]).toEqual([2, 0]);
  });

  it('reads ahead what it handles in 10 ms, and no more than 256', async () => {
    const time = vi.spyOn(performance, 'now').mockReturnValue(0);
    onTestFinished(() => time.mockRestore());
    const { requests, end, answers } = startWorker([{ deliveries: deliveries(2) }]);
    await quiet();
    time.mockReturnValue(4);
    end(1);
    await quiet();
    expect(requests.at(-1)?.room, 'one slot, and 10 ms / 4 ms for each of two slots').toBe(1 + 5);
    time.mockReturnValue(0);
    for (let token = 2; token < 100; token++) {
      answers.push({ deliveries: [delivery(token + 1)] });
      end(token);
      await quiet();
    }
    expect(requests.at(-1)?.room).toBe(2 + 256);
  });

  it('reads less ahead where events are large', async () => {
    const time = vi.spyOn(performance, 'now').mockReturnValue(0);
    onTestFinished(() => time.mockRestore());
    const large = 'x'.repeat(1_048_576);
    const run = () => DONE;
    const { requests, answers, worker } = startWorker([{ deliveries: deliveries(1) }], { run });
    await vi.waitUntil(() => requests.length === 2);
    expect(requests.at(-1)?.room, 'it handles them in no time').toBe(2 + 256);
    for (let n = 0; n < 40; n++) answers.push({ deliveries: deliveries(2, large), more: n < 39 });
    worker.ring();
    await vi.waitUntil(() => answers.length === 0);
    await vi.waitUntil(() => requests.at(-1)?.settlements.length === 2);
    expect(requests.at(-1)?.room, 'about eight of a megabyte').toBeLessThan(2 + 10);
  });

  it('handles ten thousand in one turn, when each is done at once', async () => {
    let handled = 0;
    const run = () => {
      handled++;
      return DONE;
    };
    const { requests, news } = startWorker([{ deliveries: deliveries(10_000) }], { slots: new Slots(10_000), run });
    await vi.waitUntil(() => handled === 10_000);
    await vi.waitUntil(() => requests.flatMap(({ settlements }) => settlements).length === 10_000);
    expect(news).toEqual([]);
  });

  it('asks again at once where the broker gave less than there was', async () => {
    const { requests, began } = startWorker([{ deliveries: [delivery(1)], more: true }]);
    await vi.waitUntil(() => requests.length === 2);
    expect(began).toHaveLength(1);
    expect(requests[1]?.room).toBe(1);
  });

  it('does not ask without room, although there is more and something is due', async () => {
    const { requests, clock } = startWorker([{ deliveries: deliveries(2), more: true, dueIn: 0 }]);
    await quiet();
    await clock.turn(1000);
    expect(requests).toHaveLength(1);
  });

  it.each([
    [1000, 334],
    [30_000, 5000],
  ])('looks around by itself, with a claim timeout of %i ms after %i ms', async (claimTimeout, pause) => {
    const { requests, clock } = startWorker([], { claimTimeout });
    await clock.turn(pause - 1);
    expect(requests).toHaveLength(1);
    await clock.turn(1);
    expect(requests).toHaveLength(2);
  });

  it('asks when the next one is due', async () => {
    const { requests, clock } = startWorker([{ dueIn: 80.5 }]);
    await clock.turn(80);
    expect(requests).toHaveLength(1);
    await clock.turn(1);
    expect(requests).toHaveLength(2);
  });

  it('asks once more when a doorbell rings while it asks', async () => {
    const { worker, requests } = startWorker([]);
    worker.ring();
    worker.ring();
    expect(requests).toHaveLength(1);
    await quiet();
    expect(requests).toHaveLength(2);
  });

  it('goes on when another subscriber to the same slots is done', async () => {
    const slots = new Slots(1);
    slots.take();
    const { began, requests } = startWorker([{ more: true }, { deliveries: [delivery(1)] }], { slots });
    await quiet();
    expect(requests.map(({ room }) => room)).toEqual([0]);
    slots.give();
    await vi.waitUntil(() => began.length === 1);
    expect(requests.map(({ room }) => room)).toEqual([0, 1]);
  });
});

describe('a worker that settles', () => {
  it('sends in one call what one turn has brought to its end', async () => {
    const { requests, end, settled } = startWorker([{ deliveries: deliveries(2) }]);
    await quiet();
    end(1, { outcome: 'retry', delay: 50 });
    end(2, { outcome: 'done', once: { messageId: 'm2', window: 1000 } });
    await quiet();
    expect(settled()).toEqual([['1 retry', '2 done']]);
    expect(requests[1]).toMatchObject({
      holding: 2,
      settlements: [
        { id: '1-0', token: 1, outcome: 'retry', delay: 50 },
        { id: '2-0', token: 2, outcome: 'done', once: { messageId: 'm2', window: 1000 } },
      ],
    });
  });

  it('sends a thousand at a time, and knows of the others when the answer is lost', async () => {
    const lost = new Error('The answer is lost.');
    const { clock, requests } = startWorker([{ deliveries: deliveries(1500) }, lost], {
      slots: new Slots(1500),
      run: () => DONE,
    });
    await vi.waitUntil(() => requests.length === 2);
    await clock.turn(100);
    expect(requests.map(({ settlements }) => settlements.length)).toEqual([0, 1000, 1000, 500]);
    expect(requests[2]?.former?.known).toHaveLength(1500);
    expect(requests[2]?.holding).toBe(1500);
  });

  it('tells of what was refused, and of the rest nothing', async () => {
    const { news, end } = startWorker([{ deliveries: deliveries(2) }, { refused: [2] }]);
    await quiet();
    end(1);
    end(2);
    await vi.waitUntil(() => news.length > 0);
    expect(news).toEqual([{ what: 'refused', held: expect.objectContaining({ id: '2-0', token: 2, attempt: 1 }) }]);
  });

  it('tells what was lost and what was dropped, call by call', async () => {
    const { worker, news } = startWorker([{ lost: 3 }, { repeated: 2 }]);
    await quiet();
    worker.ring();
    await quiet();
    expect(news).toEqual([
      { what: 'lost', count: 3 },
      { what: 'repeated', count: 2 },
    ]);
  });
});

describe('a commit', () => {
  const COMMANDS = [['HINCRBY', 'counts', 'ORD', '1']];

  it('acknowledges together with its commands, and leaves nothing to settle when the handler ends', async () => {
    const { began, requests, end, settled } = startWorker([{ deliveries: [delivery(1)] }]);
    await quiet();
    await began[0]!.commit(COMMANDS, { messageId: 'm1', window: 1000 });
    expect(requests[1]?.settlements).toEqual([
      { id: '1-0', token: 1, outcome: 'done', commands: COMMANDS, once: { messageId: 'm1', window: 1000 } },
    ]);
    end(1, { outcome: 'retry', delay: 0 });
    await quiet();
    expect(settled()).toEqual([['1 done']]);
  });

  it('asks for more when its handler ends, because nobody rings at a worker that had no room', async () => {
    const { began, requests, end } = startWorker([{ deliveries: deliveries(2) }]);
    await quiet();
    await began[0]!.commit(COMMANDS, undefined);
    expect(requests.at(-1)?.room).toBe(0);
    end(1);
    await vi.waitUntil(() => requests.length === 3);
    expect(requests.at(-1)?.room).toBeGreaterThan(0);
  });

  it('that is refused says why, and the handler says what is to become of the event', async () => {
    const failed = [{ token: 1, message: 'no such command.' }];
    const { began, end, settled } = startWorker([{ deliveries: [delivery(1)] }, { failed }]);
    await quiet();
    const refusal = await began[0]!.commit(COMMANDS, undefined).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'COMMIT_REFUSED', message: expect.stringContaining('no such command.') });
    end(1, { outcome: 'retry', delay: 0 });
    await quiet();
    expect(settled()).toEqual([['1 done'], ['1 retry']]);
  });

  it('that the handler does not wait for is settled once; what the handler says counts only when it is refused', async () => {
    const failed = [{ token: 2, message: 'no.' }];
    const { began, end, settled, news } = startWorker([{ deliveries: deliveries(2) }, { failed }]);
    await quiet();
    const commits = began.map((held) => watched(held.commit(COMMANDS, undefined)));
    end(1);
    end(2, { outcome: 'retry', delay: 0 });
    await vi.waitUntil(() => settled().length === 2);
    expect(settled()).toEqual([['1 done', '2 done'], ['2 retry']]);
    expect(commits.map(({ error }) => error?.code)).toEqual([undefined, 'COMMIT_REFUSED']);
    expect(news).toEqual([]);
  });

  it('is refused while another one of the same event is under way', async () => {
    const { began, settled } = startWorker([{ deliveries: [delivery(1)] }]);
    await quiet();
    const first = watched(began[0]!.commit(COMMANDS, undefined));
    await expect(began[0]!.commit(COMMANDS, undefined)).rejects.toMatchObject({ code: 'COMMIT_REFUSED' });
    await vi.waitUntil(() => first.isSettled);
    expect(first.error).toBeUndefined();
    expect(settled()).toEqual([['1 done']]);
  });

  it.each([
    ['it was given to another instance', { refused: [1] }],
    ['the broker has lost the log', { epoch: 'another' }],
  ])('is refused when %s meanwhile', async (_, answer) => {
    const { began, worker } = startWorker([{ deliveries: [delivery(1)] }, answer]);
    await quiet();
    if ('epoch' in answer) worker.ring();
    await quiet();
    await expect(began[0]!.commit(COMMANDS, undefined)).rejects.toMatchObject({ code: 'CLAIM_LOST' });
  });

  it('is refused once the bus is closed, if nobody has heard of it', async () => {
    const { began, worker } = startWorker([{ deliveries: [delivery(1)] }, errorWith('BUS_CLOSED')]);
    await quiet();
    const commit = watched(began[0]!.commit(COMMANDS, undefined));
    worker.stop();
    await vi.waitUntil(() => commit.isSettled);
    expect(commit.error).toMatchObject({ code: 'BUS_CLOSED' });
  });
});

describe('a worker whose broker does not answer', () => {
  it('begins a new term, and says what it knows of', async () => {
    const { clock, requests, end } = startWorker([{ deliveries: deliveries(2) }, new Error('The answer is lost.')]);
    await quiet();
    end(1);
    await quiet();
    await clock.turn(100);
    expect(requests.slice(1).map(({ holder, former, holding }) => ({ holder, former, holding }))).toEqual([
      { holder: 'i1.0', former: undefined, holding: 2 },
      { holder: 'i1.1', former: { holders: ['i1.0'], known: [nameOf(2), nameOf(1)] }, holding: 2 },
    ]);
    expect(requests[2]?.settlements).toEqual(requests[1]?.settlements);
  });

  it('names every term that has not been heard of, and none of them twice', async () => {
    const lost = () => new Error('The answer is lost.');
    const { worker, clock, requests } = startWorker([lost(), lost(), {}]);
    await clock.turn(1000);
    worker.ring();
    await quiet();
    expect(requests.map(({ holder, former }) => [holder, former?.holders])).toEqual([
      ['i1.0', undefined],
      ['i1.1', ['i1.0']],
      ['i1.2', ['i1.0', 'i1.1']],
      ['i1.2', undefined],
    ]);
  });

  it('keeps its term when the answer was a no, however often, and asks what it still holds', async () => {
    const no = errorWith('PUBLISH_REFUSED');
    const { worker, clock, requests } = startWorker([{ deliveries: [delivery(1)] }, no, no, no, { kept: [1] }]);
    await quiet();
    worker.ring();
    await clock.turn(1000);
    expect(requests.map(({ holder }) => holder)).toEqual(Array(5).fill('i1.0'));
    expect(requests.map(({ former }) => former?.holders.length)).toEqual([undefined, undefined, 1, 1, 1]);
    expect(requests.at(-1)?.former).toEqual({ holders: ['i1.0'], known: [nameOf(1)] });
  });

  it('keeps its term when the call was not sent', async () => {
    const { clock, requests } = startWorker([errorWith('TRANSPORT_UNAVAILABLE')]);
    await clock.turn(100);
    expect(requests.map(({ holder, former }) => [holder, former])).toEqual([
      ['i1.0', undefined],
      ['i1.0', undefined],
    ]);
  });

  it('begins a new term when the connection has come back, because the broker may be as it was earlier', async () => {
    let resumedAt = 1;
    const { worker, requests, began } = startWorker([{ deliveries: deliveries(2) }, { kept: [1] }], {
      resumedAt: () => resumedAt,
    });
    await quiet();
    resumedAt = 2;
    worker.ring();
    await quiet();
    worker.ring();
    await quiet();
    expect(requests.map(({ holder, former }) => [holder, former])).toEqual([
      ['i1.0', undefined],
      ['i1.1', { holders: ['i1.0'], known: [nameOf(1), nameOf(2)] }],
      ['i1.1', undefined],
    ]);
    expect(began.map(({ signal }) => signal.aborted)).toEqual([false, true]);
  });

  it('waits twice as long each time, up to two seconds, and tells of it once', async () => {
    const { clock, requests, news } = startWorker(Array.from({ length: 9 }, () => new Error('It is away.')));
    const pauses: number[] = [];
    for (let calls = 1; calls < 10; calls++) {
      const before = clock.time;
      while (requests.length === calls) await clock.turn(50);
      pauses.push(clock.time - before);
    }
    expect(pauses).toEqual([100, 200, 400, 800, 1600, 2000, 2000, 2000, 2000]);
    expect(news).toEqual([{ what: 'unavailable', error: new Error('It is away.') }]);
  });

  it('tells again of the next time', async () => {
    const { clock, worker, news, answers } = startWorker([new Error('once'), {}]);
    await clock.turn(1000);
    answers.push(new Error('twice'));
    worker.ring();
    await quiet();
    expect(news).toHaveLength(2);
  });

  it('does not say that others had what it settles again', async () => {
    const { clock, news, requests, end } = startWorker([
      { deliveries: [delivery(1)] },
      new Error('lost'),
      { refused: [1] },
    ]);
    await quiet();
    end(1);
    await quiet();
    await clock.turn(1000);
    expect(requests).toHaveLength(3);
    expect(news.map(({ what }) => what)).toEqual(['unavailable']);
  });
});

describe('a worker that has lost what it held', () => {
  it('aborts its handlers, begins nothing of it, and tells how many they were', async () => {
    const { worker, began, news, end, settled } = startWorker([{ deliveries: deliveries(3) }, { lapsed: true }]);
    await quiet();
    worker.ring();
    await quiet();
    expect(began.map(({ signal }) => signal.reason)).toEqual([
      expect.objectContaining({ code: 'CLAIM_LOST' }),
      expect.objectContaining({ code: 'CLAIM_LOST' }),
    ]);
    expect(news).toEqual([{ what: 'lapsed', count: 3 }]);
    end(1);
    end(2);
    await quiet();
    expect(began).toHaveLength(2);
    expect(settled()).toEqual([]);
  });

  it('handles what is left when the broker has lost the log, and acknowledges nothing of it', async () => {
    const { worker, began, news, end, settled, requests } = startWorker([
      { deliveries: deliveries(3) },
      { epoch: 'another', deliveries: [delivery(101)] },
    ]);
    await quiet();
    worker.ring();
    await quiet();
    expect(news).toEqual([{ what: 'emptied' }]);
    expect(began.map(({ signal }) => signal.aborted)).toEqual([false, false]);
    end(1);
    end(2);
    await vi.waitUntil(() => began.length === 4);
    expect(settled()).toEqual([]);
    end(101);
    await vi.waitUntil(() => settled().length > 0);
    expect(settled()).toEqual([['101 done']]);
    expect(requests.at(-1)?.holding).toBe(1);
  });

  it('tells how many are gone when the broker is back with older data', async () => {
    const { worker, news, began } = startWorker([{ count: 5, deliveries: [delivery(1)] }, { count: 3 }, { count: 4 }]);
    await quiet();
    worker.ring();
    await quiet();
    worker.ring();
    await quiet();
    expect(news).toEqual([{ what: 'rewound', count: 2 }]);
    expect(began[0]?.signal.aborted).toBe(false);
  });

  it('does not take the first entry of all for another log', async () => {
    const { worker, news, began } = startWorker([{ epoch: '' }, { epoch: 'e', deliveries: [delivery(1)] }]);
    await quiet();
    worker.ring();
    await vi.waitUntil(() => began.length === 1);
    expect(news).toEqual([]);
  });
});

describe('a worker that stops', () => {
  it('gives back at once what has not begun, and finishes the rest', async () => {
    const { worker, requests, settled, end } = startWorker([{ deliveries: deliveries(4) }]);
    await quiet();
    expect(worker.stop()).toBe(2);
    expect(worker.stop(), 'a second time nothing is left').toBe(0);
    const idle = watched(worker.idle());
    await quiet();
    expect(settled()).toEqual([['3 release', '4 release']]);
    expect(idle.isSettled).toBe(false);
    end(1);
    end(2);
    await vi.waitUntil(() => idle.isSettled);
    expect(settled()).toEqual([
      ['3 release', '4 release'],
      ['1 done', '2 done'],
    ]);
    expect(requests.slice(1).map(({ room }) => room)).toEqual(requests.slice(1).map(() => 0));
  });

  it('gives back what is on its way to it', async () => {
    const { worker, settled, began } = startWorker([{ deliveries: deliveries(2) }]);
    worker.stop();
    await worker.idle();
    expect(began).toEqual([]);
    expect(settled()).toEqual([['1 release', '2 release']]);
  });

  it('goes on giving signs of life while its handlers run, and no longer', async () => {
    const { worker, clock, requests, end } = startWorker([{ deliveries: [delivery(1)] }]);
    await quiet();
    worker.stop();
    await clock.turn(11_000);
    expect(requests).toHaveLength(4);
    end(1);
    await worker.idle();
    const before = requests.length;
    await clock.turn(60_000);
    expect(requests).toHaveLength(before);
    expect(clock.timers).toBe(0);
  });

  it('gives back what its handlers have begun when the time is over, and tells them', async () => {
    const { worker, settled, began, end } = startWorker([{ deliveries: deliveries(3) }]);
    await quiet();
    worker.stop();
    const reason = errorWith('BUS_CLOSED');
    expect(worker.abandon(reason)).toBe(2);
    expect(began.map(({ signal }) => signal.reason)).toEqual([reason, reason]);
    await worker.settled();
    expect(settled().flat()).toEqual(['3 release', '1 release', '2 release']);
    end(1);
    await quiet();
    expect(settled().flat()).toHaveLength(3);
    await expect(began[0]!.commit([], undefined)).rejects.toMatchObject({ code: 'CLAIM_LOST' });
  });

  it('gives back what it is just committing only when that is refused', async () => {
    const failed = [{ token: 2, message: 'no.' }];
    const { worker, settled, began } = startWorker([{ deliveries: deliveries(2) }, { failed }]);
    await quiet();
    const commits = began.map((held) => watched(held.commit([], undefined)));
    worker.abandon(errorWith('BUS_CLOSED'));
    await worker.settled();
    expect(settled()).toEqual([['1 done', '2 done'], ['2 release']]);
    expect(commits.map(({ error }) => error?.code)).toEqual([undefined, 'COMMIT_REFUSED']);
  });

  it('does not wait for a broker that is away, when it has nothing for it', async () => {
    const { worker, clock, requests } = startWorker([{}, errorWith('TRANSPORT_UNAVAILABLE')]);
    await quiet();
    worker.stop();
    const idle = watched(worker.idle());
    await clock.turn(100);
    expect(idle.isSettled).toBe(true);
    expect(requests).toHaveLength(2);
  });

  it('ends when the bus is closed, whatever it has not settled', async () => {
    const { worker, clock, requests, end } = startWorker([
      { deliveries: [delivery(1)] },
      new Error('It is away.'),
      errorWith('BUS_CLOSED'),
    ]);
    await quiet();
    end(1);
    worker.stop();
    const idle = watched(worker.idle());
    await clock.turn(1000);
    expect(idle.isSettled).toBe(true);
    await clock.turn(60_000);
    expect(requests).toHaveLength(3);
    expect(clock.timers).toBe(0);
  });
});

it('shows a handler that looks late why its signal is aborted', async () => {
  const { worker, began } = startWorker([{ deliveries: [delivery(1)] }, { lapsed: true }]);
  await quiet();
  worker.ring();
  await quiet();
  const [held] = began;
  expect(held?.signal.reason).toBeInstanceOf(BelfryError);
  expect(held?.signal, 'it is the same each time').toBe(held?.signal);
});
