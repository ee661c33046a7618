// One process of a benchmark: plays one role of one variant, and does what the runner says.
//   node player.mjs <variant> <role> <options as JSON>
// A variant is a file in variants/ that exports one function per role:
//   publisher(options)          returns { publish(order), close() }
//   subscriber(options, take)   calls take(order) for each that arrives; returns { close() }
//   listener(options, take)     the same for `channels` channels
//   caller(options)             returns { ask(order), close() }
//   responder(options, answer)  answers with answer(order); returns { close() }
//   reader(options)             returns { read(order, take), close() }, which takes each value of a stream of replies
//   source(options, values)     replies with values(order), an iterable; returns { close() }
import { askInParallel, publishInTurns, publishSteadily, readInParallel, valuesFor } from './load.mjs';

const [name, role, json] = process.argv.slice(2);
const variant = await import(`./variants/${name}.mjs`);

// The monotonic clock is the same for all processes of a machine. Whatever comes between two looks at it makes the difference smaller.
const offset = Math.max(...Array.from({ length: 50 }, () => Number(process.hrtime.bigint()) / 1e6 - performance.now()));
const now = () => offset + performance.now();

let taken = 0;
let takenAt = 0;
let latencies = [];
function take(order) {
  taken++;
  takenAt = now();
  if (order.sentAt !== undefined) latencies.push(takenAt - order.sentAt);
}
function answer({ total }) {
  taken++;
  return { total: total + 1 };
}
const second = { responder: answer, source: valuesFor };

const actor = await variant[role](JSON.parse(json), second[role] ?? take);

async function timed(work) {
  const began = now();
  const took = await work();
  return { began, ended: now(), latencies: took };
}
const actions = {
  /** How it stands. */
  look: () => ({ taken, takenAt, cpu: process.cpuUsage() }),
  /** Resident memory after a garbage collection, in bytes. */
  weigh() {
    globalThis.gc();
    return process.memoryUsage.rss();
  },
  begin() {
    taken = takenAt = 0;
    latencies = [];
  },
  latencies: () => latencies,
  turns: (load) => timed(() => publishInTurns(actor.publish, load)),
  steadily: (load) => timed(() => publishSteadily(actor.publish, load, now)),
  requests: (load) => timed(() => askInParallel(actor.ask, load, now)),
  streams: (load) => timed(() => readInParallel(actor.read, load, take)),
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
