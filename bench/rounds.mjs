// Plays a case: in each round its variants take turns, and nobody is always the first.
import { Player } from './process.mjs';
import { startServer } from './servers.mjs';
import { Troupe } from './troupe.mjs';

/** At first code is compiled while it runs, and some brokers still learn of one another: these rounds do not count. */
const WARM_UP_ROUNDS = 5;
const MOST_WARM_UP_ROUNDS = 8;

/** Returns for each variant of the case what each of so many rounds brought. */
export async function playCase(theCase, { rounds, progress }) {
  const results = theCase.variants.map(() => []);
  const count = Math.min(rounds, theCase.mostRounds ?? rounds);
  const stage = theCase.fresh ? await freshProcesses(theCase) : await livingProcesses(theCase, progress);
  try {
    for (let round = 0; round < count; round++) {
      for (let step = 0; step < theCase.variants.length; step++) {
        const at = (round + step) % theCase.variants.length;
        progress(`round ${round + 1} of ${count}, ${theCase.variants[at].title}`);
        results[at].push(await stage.round(at));
      }
    }
  } finally {
    await stage.stop();
  }
  return results;
}

/** Every variant has its processes through all rounds. */
async function livingProcesses(theCase, progress) {
  const troupes = theCase.variants.map((variant) => new Troupe(theCase, variant));
  const stop = () => Promise.all(troupes.map((troupe) => troupe.stop()));
  try {
    for (const [at, troupe] of troupes.entries()) {
      progress(`warming up, ${theCase.variants[at].title}`);
      await troupe.start();
      await warmUp(troupe, theCase.warmUp);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { round: (at) => troupes[at].round(), stop };
}

async function warmUp(troupe, part) {
  for (let round = 1; round <= MOST_WARM_UP_ROUNDS; round++) {
    const { lost } = await troupe.round(part);
    if (lost === 0 && round >= WARM_UP_ROUNDS) return;
  }
}

/** Every round begins with a new process: what it takes until it is ready, and what it weighs then. */
async function freshProcesses({ variants, fresh: role, load }) {
  const servers = await Promise.all(variants.map(({ server }) => startServer(server)));
  async function round(at) {
    const player = new Player(variants[at], role, { url: servers[at].url, ...load, ...variants[at].options });
    try {
      const readyMs = await player.ready;
      const { cpu } = await player.do('look');
      return {
        readyMs,
        cpu: { receiver: cpu.user + cpu.system },
        memory: await player.do('weigh'),
        lost: 0,
        latencies: [],
      };
    } finally {
      await player.stop();
    }
  }
  return { round, stop: () => Promise.all(servers.map((server) => server.stop())) };
}
