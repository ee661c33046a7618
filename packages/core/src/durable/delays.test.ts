import { describe, expect, it } from 'vitest';
import type { Clock } from '../clock.js';
import { silentLogger } from '../logger.js';
import { Delays } from './delays.js';
import type { Durability } from './durability.js';

/** A clock that stands until it is turned. */
class TurnedClock implements Clock {
  #now = 0;
  #appointments: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, callback: () => void): { cancel(): void } {
    const appointment = { at: this.#now + milliseconds, callback };
    this.#appointments.push(appointment);
    const cancel = () => {
      this.#appointments = this.#appointments.filter((each) => each !== appointment);
    };
    return { cancel };
  }

  get waiting(): number[] {
    return this.#appointments.map(({ at }) => at);
  }

  async turnTo(time: number): Promise<void> {
    this.#now = time;
    const due = this.#appointments.filter(({ at }) => at <= time);
    this.#appointments = this.#appointments.filter(({ at }) => at > time);
    for (const { callback } of due) callback();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function start(answers: (number | undefined | Error)[]) {
  const clock = new TurnedClock();
  const looks: string[] = [];
  const mature = async (channel: string): Promise<number | undefined> => {
    looks.push(`${channel} at ${clock.now()}`);
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const delays = new Delays({ mature } as unknown as Durability, silentLogger, clock);
  return { clock, looks, delays };
}

describe('who publishes delayed events', () => {
  it('has one appended when it is due, and goes on as long as any waits', async () => {
    const { clock, looks, delays } = start([300, undefined]);
    delays.expect('a', 1000);
    delays.expect('a', 5000);
    await clock.turnTo(1000);
    await clock.turnTo(1300);
    expect(looks).toEqual(['a at 1000', 'a at 1300']);
    expect(clock.waiting).toEqual([]);
  });

  it('looks again as soon as an earlier one is due', async () => {
    const { clock, looks, delays } = start([4000]);
    delays.expect('a', 5000);
    delays.expect('a', 1000);
    await clock.turnTo(1000);
    expect(looks).toEqual(['a at 1000']);
    expect(clock.waiting).toEqual([5000]);
  });

  it('looks at once and every minute at a log that it watches: others delay events, and may be gone', async () => {
    const { clock, looks, delays } = start([undefined, 20]);
    delays.watch('a');
    delays.watch('a');
    await clock.turnTo(0);
    await clock.turnTo(60_000);
    expect(looks).toEqual(['a at 0', 'a at 60000']);
    expect(clock.waiting).toEqual([60_020]);
  });

  it('tries again when Redis is away, and stops when it is told to', async () => {
    const { clock, looks, delays } = start([new Error('away'), undefined]);
    delays.expect('a', 10);
    await clock.turnTo(10);
    await clock.turnTo(5010);
    expect(looks).toHaveLength(2);
    delays.expect('a', 10);
    delays.stop();
    delays.expect('a', 10);
    expect(clock.waiting).toEqual([]);
  });

  it('has nothing to do where whoever works on a log may append', () => {
    const clock = new TurnedClock();
    const delays = new Delays(undefined, silentLogger, clock);
    delays.expect('a', 10);
    delays.watch('a');
    expect(clock.waiting).toEqual([]);
  });
});
