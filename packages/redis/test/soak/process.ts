// A process of a soak: `node … process.ts <role> <slot> <url> <namespace> <diary> <seed>`. It does what its role is until SIGTERM, which drains it,
// and writes everything into its diary.
import { createBus, type Logger } from '@belfry/core';
import { redisTransport } from '@belfry/redis';
import { heartbeatMs, nameOf, patienceMs, type Role } from './contracts.js';
import { Diary } from './diary.js';
import { beAudience, beMember, beResponder } from './handling.js';
import { watchHealth } from './health.js';
import { Publishing } from './publishing.js';
import { Random } from '@belfry/core/random';

const [role, slot, url, namespace, path, seed] = process.argv.slice(2) as [
  Role,
  string,
  string,
  string,
  string,
  string,
];
const diary = new Diary(path);
const random = new Random(Number(seed));

process.on('disconnect', () => process.exit(1)); // whoever has started this is gone
process.on('SIGINT', () => {}); // Ctrl-C reaches the whole group of processes; the one that has started this decides
process.on('uncaughtException', (error, origin) => {
  diary.write({ what: 'wrong', text: `${origin}: ${error.stack ?? error}` });
  process.exit(1);
});

const noted =
  (level: string) =>
  (fields: object, message: string): void => {
    const { err, ...rest } = fields as { err?: unknown };
    const text = `${level}: ${message} ${JSON.stringify(rest)}${err === undefined ? '' : ` ${err}`}`;
    diary.write({ what: 'logs', text: text.slice(0, 500) });
  };
const logger: Logger = { debug() {}, info: noted('info'), warn: noted('warn'), error: noted('error') };

const bus = createBus({
  name: nameOf(role),
  namespace,
  logger,
  transport: redisTransport({ url, heartbeat: heartbeatMs, patience: patienceMs, subscribePatience: 'forever' }),
});
bus.on('interrupted', ({ reason = '' }) => diary.write({ what: 'interrupted', reason }));
bus.on('resumed', () => diary.write({ what: 'resumed' }));

const publishing = role === 'publisher' ? new Publishing({ bus, diary, random, slot }) : undefined;
if (role === 'audience') await beAudience(bus, diary, random);
if (role === 'member') await beMember(bus, diary, random);
if (role === 'responder') await beResponder(bus, diary, random);

// What has ended is no longer among the subscriptions of the bus; its figures are.
const figures = [...bus.subscriptions, ...bus.responders].map(({ stats }) => stats);
process.once('SIGTERM', async () => {
  await publishing?.end();
  await bus.close({ timeout: '10s' });
  const sum = (name: 'missed' | 'recovered' | 'dropped') =>
    figures.reduce((total, stats) => total + ((stats as { [figure in typeof name]?: number })[name] ?? 0), 0);
  diary.write({ what: 'stats', missed: sum('missed'), recovered: sum('recovered'), dropped: sum('dropped') });
  diary.write({ what: 'end' });
  process.exit();
});
watchHealth(diary);
diary.write({ what: 'ready' });
process.send?.('ready');
