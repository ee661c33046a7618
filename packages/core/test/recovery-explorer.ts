import { Random } from '../src/random.js';
import { nextTurn } from './doubles.js';
import { RecoveredChannel } from './recovered-channel.js';

const SOURCES = ['a', 'b', 'c'];

/** What becomes of the history beside that it grows. Only one of both: together they hide from a subscriber how much it has missed. */
const FATES = ['trimmed', 'anew'] as const;

/** Drives one subscriber through what a seed says. Returns what was wrong with it, in words. */
export async function exploreRecovery(seed: number): Promise<string[]> {
  const random = new Random(seed);
  const fate = FATES[seed % FATES.length]!;
  const channel = new RecoveredChannel();
  const forges = random.chance(0.3);
  const refuses = fate === 'trimmed' && !forges && random.chance(0.3);
  const size = random.chance(0.1) ? 300_000 : 0;
  const { clock } = channel;
  let prompts = 0;
  let untold = false;

  // Whoever has published before somebody listens is not known to the subscriber; what comes from whom it knows is counted.
  for (let n = random.below(4); n > 0; n--) channel.publish(random.pick(SOURCES));
  await channel.begin();
  const before = channel.published.size;
  for (const source of SOURCES) channel.publish(source);
  channel.arrive();

  const publish = () => {
    if (random.chance(0.3)) channel.time += random.below(3);
    channel.publish(random.pick(SOURCES), random.chance(0.3) ? size : 0);
  };
  const reconnect = () => {
    if (channel.isUp) return;
    channel.reconnect();
    untold = true;
  };
  const tell = () => {
    if (!untold || !channel.isUp) return;
    untold = false;
    prompts++;
    channel.resume();
  };
  const forge = () => {
    const known = [...channel.published.values()];
    const cursors = ['999999999999999-999999999999999', '0-1', '0-0', 'nonsense', '-5', random.pick(known).cursor];
    prompts++;
    channel.forge(random.pick(cursors));
  };
  const beginAnew = async () => {
    // By cursors alone nobody can tell an event of the old series from one of the new when the clock was put back between them. And it stays
    // behind: when it has overtaken what was seen, all that came before looks old.
    const isPutBack = random.chance(0.5);
    if (isPutBack) {
      channel.relieve();
      channel.arrive();
      await channel.answerAll();
      await clock.turn(1100);
      await channel.answerAll();
    }
    channel.beginAnew(channel.time + random.pick(isPutBack ? [0, -500] : [1, 7]));
    untold = true; // whoever listens is told of a flush
  };
  const steps: readonly (readonly [weight: number, step: () => void | Promise<void>])[] = [
    [40, publish],
    [30, () => channel.arrive(1 + random.below(4))],
    [12, () => channel.serve()],
    [20, () => channel.answer()],
    [2, () => channel.fail()],
    [refuses ? 1 : 0, () => channel.fail(new Error('The broker says no.'))],
    [5, () => channel.cut()],
    [8, reconnect],
    [8, tell],
    [
      1, // told without an interruption, as after a flush
      () => {
        prompts++;
        channel.resume();
      },
    ],
    [fate === 'anew' ? 0 : 3, () => channel.trim(1 + random.below(6))],
    [fate === 'trimmed' ? 0 : 2, beginAnew],
    [forges ? 3 : 0, forge],
    [
      3,
      () => {
        channel.isFull = true;
      },
    ],
    [6, () => channel.relieve()],
    [3, () => clock.turn(random.below(1200))],
  ];
  const whole = steps.reduce((sum, [weight]) => sum + weight, 0);

  const settle = async () => {
    reconnect();
    tell();
    for (let rounds = 0; rounds < 200; rounds++) {
      channel.relieve();
      channel.arrive();
      await channel.answerAll();
      if (channel.copies.length === 0 && channel.reads.length === 0) await clock.turn(1100);
      if (channel.copies.length === 0 && channel.reads.length === 0) return;
    }
    throw new Error('It does not come to rest.');
  };

  try {
    for (let count = 0; count < 120; count++) {
      channel.most = 1 + random.below(4);
      let dice = random.next() * whole;
      const [, step] = steps.find(([weight]) => {
        dice -= weight;
        return dice < 0;
      })!;
      await step();
      await nextTurn();
    }
    channel.most = 128;
    await settle();
    for (const source of SOURCES) channel.publish(source); // whose numbers show what was lost before
    await settle();
    channel.end();
  } catch (error) {
    return [String(error)];
  }
  return faultsOf(channel, { due: channel.published.size - before, isExact: !refuses, prompts });
}

interface Expected {
  /** How many events were published while it was subscribed. */
  readonly due: number;
  /** What is missing because a read was refused shows with the publisher's next event, unless that is trimmed too. */
  readonly isExact: boolean;
  /** How often there was a reason to read. */
  readonly prompts: number;
}

function faultsOf(channel: RecoveredChannel, { due, isExact, prompts }: Expected): string[] {
  const faults: string[] = [];
  const { handed, published, stats, readCount } = channel;
  const twice = handed.filter((id, at) => handed.indexOf(id) !== at);
  if (twice.length > 0) faults.push(`handed over twice: ${twice}`);
  const latest = new Map<number, number>();
  for (const id of handed) {
    const event = published.get(id);
    if (event === undefined) continue; // forged
    if (event.number <= (latest.get(event.series) ?? 0)) faults.push(`out of order: ${id}`);
    latest.set(event.series, event.number);
  }
  const real = handed.filter((id) => published.has(id)).length;
  const [known, sum] = [`${real} handed over and ${stats.missed} missed`, real + stats.missed];
  if (isExact ? sum !== due : sum > due) faults.push(`${known}, of ${due}`);
  if (stats.missed < 0 || stats.recovered < 0 || stats.recovered > real) faults.push(`recovered ${stats.recovered}`);
  // One part for every four events or fewer, one to find the end each time, and again after each failure.
  const most = 20 + 2 * published.size + 4 * prompts + 20 * 4;
  if (readCount > most) faults.push(`${readCount} reads, and ${most} would do`);
  return faults;
}
