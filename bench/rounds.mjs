// Plays a case: every variant in its own processes, kept alive through all rounds; in each round they take turns.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('./player.mjs', import.meta.url));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A process of player.mjs. */
class Player {
  #process;
  #pending = new Map();
  #next = 0;
  ready;

  constructor(variant, role, options) {
    this.#process = fork(script, [variant.file, role, JSON.stringify(options)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.ready = new Promise((resolve, reject) => {
      this.#process.on('message', ({ ready, id, result, error }) => {
        if (ready) resolve();
        else if (error) this.#pending.get(id).reject(new Error(`${variant.title}, ${role}: ${error}`));
        else this.#pending.get(id).resolve(result);
      });
      this.#process.once('exit', (code) => {
        const gone = new Error(`${variant.title}: its ${role} ended with exit code ${code}`);
        reject(gone);
        for (const pending of this.#pending.values()) pending.reject(gone);
      });
    });
  }

  async do(action, load) {
    const id = this.#next++;
    try {
      return await new Promise((resolve, reject) => {
        this.#pending.set(id, { resolve, reject });
        this.#process.send({ id, action, load });
      });
    } finally {
      this.#pending.delete(id);
    }
  }

  async stop() {
    await Promise.race([this.do('stop').catch(() => {}), pause(3000)]);
    this.#process.kill('SIGKILL');
  }
}

const cpuMs = ({ user, system }) => (user + system) / 1000;
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** The processes of one variant of a case. */
class Troupe {
  #senders;
  #receivers;
  #expected;
  #case;

  constructor(variant, theCase, url) {
    const { roles, senders = 1, receivers = 1, load, everyReceiver } = theCase;
    const options = { url, ...variant.options };
    const play = (role, count) => Array.from({ length: count }, () => new Player(variant, role, options));
    this.#case = theCase;
    this.#receivers = play(roles[1], receivers);
    this.#senders = play(roles[0], senders);
    this.#expected = load.count * senders * (everyReceiver ? receivers : 1);
  }

  async start() {
    await Promise.all([...this.#senders, ...this.#receivers].map((player) => player.ready));
  }

  /** @returns messages per second, microseconds of CPU per message, what was lost, and latencies in milliseconds */
  async round(load, expected, serverCpuMs) {
    const all = [...this.#senders, ...this.#receivers];
    const looks = () => Promise.all(all.map((player) => player.do('look')));
    await Promise.all(this.#receivers.map((player) => player.do('begin')));
    const [before, serverBefore] = [await looks(), await serverCpuMs()];
    const sent = await Promise.all(this.#senders.map((player) => player.do(this.#case.action, load)));
    const taken = await this.#arrivals(expected);
    const [after, serverAfter] = [await looks(), await serverCpuMs()];
    const used = after.map(({ cpu }, at) => cpuMs(cpu) - cpuMs(before[at].cpu));
    const began = Math.min(...sent.map((one) => one.began));
    const ended = Math.max(...sent.map((one) => one.ended), ...after.map(({ takenAt }) => takenAt));
    const received = await Promise.all(this.#receivers.map((player) => player.do('latencies')));
    const perMessage = (ms) => (ms * 1000) / expected;
    return {
      perSecond: (taken * 1000) / (ended - began),
      lost: expected - taken,
      cpu: {
        sender: perMessage(sum(used.slice(0, this.#senders.length))),
        receiver: perMessage(sum(used.slice(this.#senders.length))),
        server: perMessage(serverAfter - serverBefore),
      },
      latencies: [...sent.flatMap((one) => one.latencies ?? []), ...received.flat()],
    };
  }

  warmUp(serverCpuMs) {
    const { load } = this.#case;
    const share = load.everyMs === undefined ? 0.5 : 0.1;
    return this.round({ ...load, count: Math.ceil(load.count * share) }, this.#share(share), serverCpuMs);
  }

  play(serverCpuMs) {
    return this.round(this.#case.load, this.#expected, serverCpuMs);
  }

  async stop() {
    await Promise.all([...this.#senders, ...this.#receivers].map((player) => player.stop()));
  }

  #share(share) {
    const { load } = this.#case;
    return (this.#expected / load.count) * Math.ceil(load.count * share);
  }

  /** Waits until everything has arrived, or nothing more comes. Returns how much. */
  async #arrivals(expected) {
    let taken = 0;
    for (let idle = 0; idle < 200; idle++) {
      const looks = await Promise.all(this.#receivers.map((player) => player.do('look')));
      const total = sum(looks.map((look) => look.taken));
      if (total > taken) idle = 0;
      taken = total;
      if (taken >= expected) return taken;
      await pause(10);
    }
    return taken;
  }
}

/** Plays a case, and returns for each variant what each round brought. */
export async function playCase(theCase, { url, rounds, serverCpuMs, progress }) {
  const troupes = theCase.variants.map((variant) => new Troupe(variant, theCase, url(variant)));
  const results = theCase.variants.map(({ title }) => ({ title, rounds: [] }));
  try {
    for (const troupe of troupes) await troupe.start();
    for (const [at, troupe] of troupes.entries()) {
      progress(`${theCase.title}: ${theCase.variants[at].title}, warming up`);
      await troupe.warmUp(() => serverCpuMs(theCase.variants[at]));
    }
    for (let round = 0; round < rounds; round++) {
      for (let step = 0; step < troupes.length; step++) {
        const at = (round + step) % troupes.length; // nobody is always the first
        progress(`${theCase.title}: round ${round + 1} of ${rounds}, ${theCase.variants[at].title}`);
        results[at].rounds.push(await troupes[at].play(() => serverCpuMs(theCase.variants[at])));
      }
    }
  } finally {
    await Promise.all(troupes.map((troupe) => troupe.stop()));
  }
  return results;
}
