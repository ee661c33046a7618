import { describe, expect, it } from 'vitest';
import { errorWith, ScriptedTransport, TurnedClock } from '../test/doubles.js';
import { Presence, type Watched } from './presence.js';

class Going implements Watched {
  misses = 0;
  isLost = false;
  readonly peer: string | undefined;
  readonly since: number;
  readonly patience: number;
  constructor(peer: string | undefined, since: number, patience = 2) {
    this.peer = peer;
    this.since = since;
    this.patience = patience;
  }
  lost(): void {
    this.isLost = true;
  }
}

function start() {
  const clock = new TurnedClock();
  const transport = new ScriptedTransport();
  const going = new Set<Going>();
  const presence = new Presence({ transport, watched: () => going, clock });
  const begin = (peer: string | undefined, patience?: number): Going => {
    const one = new Going(peer, clock.time, patience);
    going.add(one);
    presence.watch();
    return one;
  };
  return { clock, transport, going, presence, begin };
}

const nobody = async () => new Set<string>();

describe('presence', () => {
  it('is asked about in one question a second, whatever goes on, each peer once', async () => {
    const { clock, transport, begin } = start();
    for (let n = 0; n < 100; n++) begin(`peer-${n % 3}`);
    await clock.turn(5000);
    expect(transport.questions).toEqual(Array.from({ length: 5 }, () => ['peer-0', 'peer-1', 'peer-2']));
  });

  it('is not asked about while all that goes on is younger than half a second', async () => {
    const { clock, transport, going, begin } = start();
    await clock.turn(501);
    begin('old');
    await clock.turn(501);
    const young = begin('young');
    await clock.turn(499); // the look: one is a second old, the other just not half of one
    expect(transport.questions).toEqual([['old']]);
    going.clear();
    going.add(young);
    await clock.turn(1000);
    expect(transport.questions).toEqual([['old'], ['young']]);
    going.clear();
    const late = new Going('late', clock.time + 501);
    going.add(late);
    await clock.turn(1000);
    expect(transport.questions).toHaveLength(2);
  });

  it('is not asked about while it is not known who is asked', async () => {
    const { clock, transport, begin } = start();
    const unknown = begin(undefined, 1);
    await clock.turn(5000);
    expect(transport.questions).toEqual([]);
    expect(unknown.isLost).toBe(false);
  });

  it('costs nothing when nothing goes on: the timer is gone, and comes back with the next', async () => {
    const { clock, transport, going, begin } = start();
    expect(clock.timers).toBe(0);
    begin('peer');
    expect(clock.timers).toBe(1);
    going.clear();
    await clock.turn(1000);
    expect([clock.timers, transport.questions]).toEqual([0, []]);
    begin('peer');
    await clock.turn(1000);
    expect([clock.timers, transport.questions.length]).toEqual([1, 1]);
  });

  it('is over when it is stopped', async () => {
    const { clock, transport, presence, begin } = start();
    begin('peer');
    presence.stop();
    presence.stop();
    expect(clock.timers).toBe(0);
    await clock.turn(5000);
    expect(transport.questions).toEqual([]);
  });
});

describe('a peer that is missing', () => {
  it('is lost after as many questions in a row as there is patience', async () => {
    const { clock, transport, begin } = start();
    const [caller, responder, other] = [begin('gone', 2), begin('gone', 10), begin('there', 1)];
    transport.onListening = async () => new Set(['there']);
    await clock.turn(1000);
    expect([caller.isLost, caller.misses]).toEqual([false, 1]);
    await clock.turn(1000);
    expect([caller.isLost, responder.isLost]).toEqual([true, false]);
    await clock.turn(7999);
    expect(responder.isLost).toBe(false);
    await clock.turn(1);
    expect([responder.isLost, other.isLost]).toEqual([true, false]);
  });

  it('is forgiven when it is there in between', async () => {
    const { clock, transport, begin } = start();
    const one = begin('peer', 2);
    let question = 0;
    transport.onListening = async () => new Set(++question % 2 === 0 ? ['peer'] : []);
    await clock.turn(20_000);
    expect([question, one.isLost]).toEqual([20, false]);
  });

  it('is not counted within 3 s after the own connection came back: the others may not be back yet', async () => {
    const { clock, transport, begin } = start();
    const one = begin('peer', 2);
    transport.onListening = nobody;
    transport.resumedAt = clock.time;
    await clock.turn(2999);
    expect([one.misses, transport.questions]).toEqual([0, []]);
    await clock.turn(1);
    expect(one.misses).toBe(1);
  });

  it('is not counted when the own connection came back while the question was asked', async () => {
    const { clock, transport, begin } = start();
    const one = begin('peer', 1);
    transport.onListening = async () => {
      transport.resumedAt = clock.time;
      return new Set();
    };
    await clock.turn(1000);
    expect([transport.questions.length, one.misses, one.isLost]).toEqual([1, 0, false]);
  });

  it('is not counted by a question that fails', async () => {
    const { clock, transport, begin } = start();
    const one = begin('peer', 2);
    const answers = [nobody, () => Promise.reject(errorWith('TRANSPORT_UNAVAILABLE')), nobody];
    transport.onListening = (addresses) => (answers.shift() ?? (async () => new Set(addresses)))();
    await clock.turn(2000);
    expect([one.misses, one.isLost]).toEqual([1, false]);
    await clock.turn(1000);
    expect(one.isLost).toBe(true);
  });
});
