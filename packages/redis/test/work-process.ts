// A process of its own, to be killed or stopped: `node … work-process.ts <role> <url> <namespace>`. Says what happens, a line each.
//   worker  answers until it gets SIGTERM, which drains it; prints `ready <instance>`, `begins <n>`, `aborted <n>`, `done <n>`
//   caller  asks for work that takes a minute, and prints `asked` as soon as it is done
//   taker   takes values for ever, and prints `took` after the first

import { setTimeout as sleep } from 'node:timers/promises';
import { createBus } from '@belfry/core';
import { redisTransport } from '@belfry/redis';
import { CountTo, DoWork } from './work.js';

const [role = '', url = '', namespace = ''] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const name = role === 'worker' ? 'workers' : 'callers';
const bus = createBus({ name, namespace, transport: redisTransport({ url }) });

const roles: Record<string, () => Promise<void>> = {
  async worker() {
    await bus.respond(
      DoWork,
      async ({ n, takes }, { signal }) => {
        say(`begins ${n}`);
        signal.addEventListener('abort', () => say(`aborted ${n}`));
        await sleep(takes, undefined, { signal });
        say(`done ${n}`);
        return { n, by: bus.instance };
      },
      { concurrency: 1000 },
    );
    await bus.respond(CountTo, async function* ({ count, pause }) {
      try {
        for (let n = 0; n < count; n++) {
          if (pause > 0) await sleep(pause);
          yield n;
        }
      } finally {
        say(`peak ${process.memoryUsage().rss}`);
      }
    });
    process.once('SIGTERM', () => void bus.close({ timeout: '20s' }).then(() => process.exit()));
    say(`ready ${bus.instance}`);
  },
  async caller() {
    void bus.request(DoWork, { n: 1, takes: 60_000 }, { timeout: '2m' }).catch((error) => say(String(error)));
    while (bus.requests.inFlight === 0) await sleep(10);
    say('asked');
  },
  async taker() {
    let taken = 0;
    for await (const _ of bus.request(CountTo, { count: 1e9, pause: 10 })) if (taken++ === 0) say('took');
  },
};
await roles[role]?.();
