import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Commit, createService, type HandleCall, type MessageContext, type Middleware, Subscribe } from 'belfry';
import { Redis } from 'ioredis';
import { FlightDelayed } from '../src/contracts.js';
import { journal } from '../src/journal.js';
import { obey, tell } from '../src/parent.js';
import { Statistics } from '../src/statistics.js';

// A `statistics` that kills itself, as kill -9 would, while it counts a long delay: service.ts with one middleware more.

/**
 * Where in the counting of a delay a process dies.
 * `before`: nothing is done yet. `underway`: what counts is on its way, and not answered. `counted`: it is answered, and the handler still runs.
 * `returned`: the handler has returned. `soon`: a pause after it has begun, whatever it does then.
 * Without a commit, the event is acknowledged after all of the first four; with one, it is from `counted` on.
 */
export type Moment = 'before' | 'underway' | 'counted' | 'returned' | 'soon';

/** Who begins to count for that time, of all processes together, dies. */
export interface Kill {
  readonly time: number;
  readonly moment: Moment;
  /** Of `underway` and `soon`. */
  readonly pauseMs: number;
}

const { values } = parseArgs({
  allowPositionals: true, // the name of the service
  options: {
    kills: { type: 'string', default: '[]' },
    // What is to be committed is run as a command like any other, as if there were no commit.
    uncommitted: { type: 'boolean', default: false },
  },
});
const kills = JSON.parse(values.kills) as readonly Kill[];
const redis = new Redis(process.env.BELFRY_URL ?? '');

const die = (): never => process.kill(process.pid, 'SIGKILL') as never;

let isDoomed = false;
let draws: Promise<Kill | undefined> = Promise.resolve(undefined);

/** Takes a kill that is due and that nobody has taken yet, unless this process has one already. */
async function draw(channel: string): Promise<Kill | undefined> {
  const time = await redis.incr(`{${channel}}:times`);
  for (const kill of kills) {
    if (isDoomed || kill.time > time) return undefined;
    isDoomed = (await redis.setnx(`{${channel}}:kill:${kill.time}`, process.pid)) === 1;
    if (isDoomed) return kill;
  }
  return undefined;
}

const runByItself: Commit = async (...commands) => {
  for (const [name, ...args] of commands) await redis.call(name, ...args);
};

const mortality: Middleware = async (call, next) => {
  if (call.side !== 'handle' || call.contract !== FlightDelayed) return next();
  draws = draws.then(() => draw(call.context.channel)); // one after the other: a process dies once
  const { moment, pauseMs } = (await draws) ?? {};
  if (moment === 'soon') void setTimeout(pauseMs).then(die);
  const context = call.context as { -readonly [Name in keyof HandleCall['context']]: HandleCall['context'][Name] };
  const count = values.uncommitted ? runByItself : context.commit;
  context.commit = async (...commands) => {
    if (moment === 'before') die();
    const counted = count(...commands);
    // How far it has come by then, nobody knows.
    if (moment === 'underway') await Promise.race([counted, setTimeout(pauseMs)]).finally(die);
    await counted.finally(() => moment === 'counted' && die());
  };
  return next().finally(() => moment === 'returned' && die());
};

/** Does not wait for a dead one for long, so that the test is quick. */
class ImpatientStatistics extends Statistics {
  @Subscribe(FlightDelayed, { claimTimeout: '1s' })
  override countDelay(flight: FlightDelayed, context: MessageContext<typeof FlightDelayed>): Promise<void> {
    return super.countDelay(flight, context);
  }
}

const service = createService({
  name: 'statistics',
  handlers: [ImpatientStatistics],
  middleware: [journal((entry) => void tell({ type: 'entry', entry })), mortality],
  env: { ...process.env, LOG_LEVEL: 'error' },
});
await obey(service, 0);
