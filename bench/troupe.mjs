// The processes of one variant of a case, and what one round of theirs brings.
import { Player } from './process.mjs';
import { startServer } from './servers.mjs';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
const cpuMs = ({ user, system }) => (user + system) / 1000;
/** When nothing has arrived for so long, what is missing counts as lost. */
const SILENCE_MS = 2000;
const LOOK_EVERY_MS = 10;

export class Troupe {
  #senders = [];
  #receivers = [];
  #case;
  #variant;
  #server;

  constructor(theCase, variant) {
    this.#case = theCase;
    this.#variant = variant;
  }

  /** Its server, then receivers, then senders: some of these look for those. */
  async start() {
    this.#server = await startServer(this.#variant.server);
    const { roles, senders = 1, receivers = 1 } = this.#case;
    const play = (role, count) =>
      Array.from({ length: count }, (_, index) => {
        const options = { url: this.#server.url, index, ...this.#variant.options };
        return new Player(this.#variant, role, options);
      });
    this.#receivers = play(roles[1], receivers);
    await Promise.all(this.#receivers.map((player) => player.ready));
    this.#senders = play(roles[0], senders);
    await Promise.all(this.#senders.map((player) => player.ready));
  }

  /**
   * Plays the load of the case, or a part of it.
   * @returns messages per second, microseconds of CPU per message, what was lost, and latencies in milliseconds
   */
  async round(part = 1) {
    const { load, action, senders = 1, everyReceiver } = this.#case;
    const count = Math.ceil(load.count * part * (this.#variant.share ?? 1));
    const copies = everyReceiver ? this.#receivers.length : 1;
    const expected = count * senders * copies;
    const takers = action === 'streams' ? this.#senders : this.#receivers;
    const all = [...this.#senders, ...this.#receivers];
    const looks = () => Promise.all(all.map((player) => player.do('look')));
    await Promise.all(takers.map((player) => player.do('begin')));
    const [before, serverBefore] = [await looks(), await this.#server.cpuMs()];
    const sent = await Promise.all(this.#senders.map((player) => player.do(action, { ...load, count })));
    const taken = await arrivals(takers, expected);
    const [after, serverAfter] = [await looks(), await this.#server.cpuMs()];
    const used = after.map(({ cpu }, at) => cpuMs(cpu) - cpuMs(before[at].cpu));
    const began = Math.min(...sent.map((one) => one.began));
    const ended = Math.max(...sent.map((one) => one.ended), ...after.map(({ takenAt }) => takenAt));
    const received = await Promise.all(takers.map((player) => player.do('latencies')));
    // Per message that was published, however many received it.
    const perMessage = (ms) => (ms * 1000) / (count * senders);
    return {
      perSecond: (taken * 1000) / (ended - began) / copies,
      lost: expected - taken,
      cpu: {
        sender: perMessage(sum(used.slice(0, this.#senders.length))),
        receiver: perMessage(sum(used.slice(this.#senders.length))),
        server: perMessage(serverAfter - serverBefore),
      },
      latencies: [...sent.flatMap((one) => one.latencies ?? []), ...received.flat()],
    };
  }

  async stop() {
    await Promise.all([...this.#senders, ...this.#receivers].map((player) => player.stop()));
    await this.#server?.stop();
  }
}

/** Waits until everything has arrived, or nothing more comes. Returns how much. */
async function arrivals(players, expected) {
  let taken = 0;
  for (let idle = 0; idle < SILENCE_MS; idle += LOOK_EVERY_MS) {
    const looks = await Promise.all(players.map((player) => player.do('look')));
    const total = sum(looks.map((look) => look.taken));
    if (total > taken) idle = 0;
    taken = total;
    if (taken >= expected) return taken;
    await pause(LOOK_EVERY_MS);
  }
  return taken;
}
