// One process of a benchmark: plays one role of one variant, and does what the runner says.
//   node player.mjs <variant> <role> <options as JSON>
// A variant is a file in variants/ that exports one function per role:
//   publisher(options)          returns { publish(order), close() }
//   subscriber(options, take)   calls take(order) for each that arrives; returns { close() }
//   caller(options)             returns { ask(order), close() }
//   responder(options, answer)  answers with answer(order); returns { close() }
import { askInParallel, publishInTurns, publishSteadily } from './load.mjs';

const [name, role, json] = process.argv.slice(2);
const variant = await import(`./variants/${name}.mjs`);
const options = JSON.parse(json);

// The monotonic clock is the same for all processes of a machine.
const offset = Math.min(...Array.from({ length: 50 }, () => Number(process.hrtime.bigint()) / 1e6 - performance.now()));
const now = () => offset + performance.now();

let taken = 0;
let takenAt = 0;
let latencies = [];
function take(order) {
  taken++;
  takenAt = now();
  if (order.sentAt !== undefined) latencies.push(takenAt - order.sentAt);
}
const answer = ({ total }) => {
  taken++;
  return { total: total + 1 };
};

const actor = await variant[role](options, role === 'responder' ? answer : take);

const actions = {
  /** How it stands. */
  look: () => ({ taken, takenAt, cpu: process.cpuUsage(), memory: process.memoryUsage.rss() }),
  begin() {
    taken = takenAt = 0;
    latencies = [];
  },
  latencies: () => latencies,
  async turns(load) {
    const began = now();
    await publishInTurns(actor.publish, load);
    return { began, ended: now() };
  },
  async steadily(load) {
    const began = now();
    await publishSteadily(actor.publish, load, now);
    return { began, ended: now() };
  },
  async requests(load) {
    const began = now();
    const took = await askInParallel(actor.ask, load, now);
    return { began, ended: now(), latencies: took };
  },
  async stop() {
    await actor.close();
    setImmediate(() => process.exit());
  },
};

process.on('message', async ({ id, action, load }) => {
  try {
    process.send({ id, result: (await actions[action](load)) ?? null });
  } catch (error) {
    process.send({ id, error: `${error?.stack ?? error}` });
  }
});
process.on('disconnect', () => process.exit());
process.send({ ready: true });
