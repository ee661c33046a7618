import type { luaTexts } from './lua-texts.js';
import {
  broadcastChannel,
  deadKey,
  historyKey,
  inboxChannel,
  logKey,
  membersKey,
  ownedBy,
  stampsKey,
} from './names.js';
import { ANY, INSTANCE, type Operation } from './operation.js';

/** What a script is called for. */
export interface ScriptCall {
  readonly channel: string;
  /** Whose call it is; of scripts that touch what belongs to a group. */
  readonly group?: string;
  /** Events go to the public channel too. */
  readonly public?: boolean;
  /** They are kept. */
  readonly recovered?: boolean;
  /**
   * What the script does only where its user may: `append` what was delayed, `read` and `trim` the log, and `readHistory`, in the history of a
   * release that has kept no marks. See `redis.acl_check_cmd` in the scripts.
   */
  readonly may?: readonly ('append' | 'read' | 'trim' | 'readHistory')[];
  /** On a Cluster broadcast channels are sharded. */
  readonly cluster: boolean;
}

/** A script of src/lua by its name. */
export type ScriptName = keyof typeof luaTexts;

const plain = (...commands: string[]): Operation[] => commands.map((command) => ({ command }));
const on = (key: string, ...commands: string[]): Operation[] => commands.map((command) => ({ command, keys: [key] }));
const say = (command: string, channel: string): Operation[] => [{ command, channels: [channel] }];

/** The command by which broadcast frames are published. */
const publishing = ({ cluster }: ScriptCall): string => (cluster ? 'spublish' : 'publish');

/** includes/drop.lua and includes/ring.lua: who is dealt an event. */
const deal = ({ channel }: ScriptCall): Operation[] => [
  ...on(membersKey(channel), 'hgetall', 'hset'),
  ...say('spublish', inboxChannel(channel, ANY, INSTANCE)),
  ...plain('pubsub|shardnumsub'),
];

/** includes/lone.lua and includes/publish.lua. */
const publish = (call: ScriptCall): Operation[] => [
  ...deal(call),
  ...(call.public === false ? [] : say('publish', call.channel)),
  ...say(publishing(call), broadcastChannel(call.channel)),
];

/** includes/history.lua. */
function keep({ channel, may = [] }: ScriptCall): Operation[] {
  const history = historyKey(channel);
  return [
    ...plain('time'),
    ...on(history, 'xlen', 'xadd', 'xtrim', 'pexpire', 'del', ...(may.includes('readHistory') ? ['xrevrange'] : [])),
    ...on(`${history}:marks`, 'hmget', 'hget', 'hset', 'hdel', 'pexpire', 'del'),
  ];
}

/** What of a log every script looks at that may append what was delayed: `mature` of includes/log.lua, and what it calls. */
function mature(call: ScriptCall): Operation[] {
  const { channel, may = [] } = call;
  const own = ownedBy(channel);
  const due = [...plain('time'), ...on(own('later'), 'zrange')];
  if (!may.includes('append')) return due;
  return [
    ...due,
    ...on(logKey(channel), 'xlen', 'xadd'),
    ...on(own('about'), 'hlen', 'hincrby', 'hset'),
    ...on(own('bells'), 'hlen', 'hgetall', 'hset'),
    ...on(own('later'), 'zrangebyscore', 'zrem'),
    ...on(own('later:bodies'), 'hlen', 'hget', 'hdel'),
    ...on(own(`id:${ANY}`), 'set'),
    ...say(publishing(call), broadcastChannel(channel)),
    ...say('spublish', inboxChannel(channel, ANY, INSTANCE)),
  ];
}

/**
 * What each script calls: the commands that an ACL user must be allowed beside the script itself, because Redis checks each of them. A test
 * holds it and the Lua together.
 */
export const scriptOperations: Readonly<Record<ScriptName, (call: ScriptCall) => Operation[]>> = {
  publish,
  burst: (call) => [
    ...publish(call),
    ...plain('pubsub|numsub', 'pubsub|numpat'),
    ...(call.recovered ? keep(call) : []),
  ],
  recover: (call) => [...publish(call), ...keep(call)],
  history: ({ channel }) => on(historyKey(channel), 'xrange', 'xrevrange'),
  ask: deal,
  audience: ({ channel }) => [...on(membersKey(channel), 'hgetall'), ...plain('pubsub|numsub', 'pubsub|shardnumsub')],
  join: ({ channel }) => [
    ...plain('time', 'pubsub|shardnumsub'),
    ...on(membersKey(channel), 'hget', 'hset', 'hdel', 'pexpire'),
    ...on(stampsKey(channel), 'zadd', 'zrem', 'zrangebyscore', 'zscore', 'pexpire'),
  ],
  leave: ({ channel }) => [
    ...plain('time'),
    ...on(membersKey(channel), 'hget', 'hset'),
    ...on(stampsKey(channel), 'zadd', 'zrem'),
  ],
  append: (call) => {
    const { channel } = call;
    const own = ownedBy(channel);
    return [
      ...mature({ ...call, may: ['append'] }),
      ...plain('pubsub|shardnumsub'),
      ...on(logKey(channel), 'xtrim'),
      ...on(own('about'), 'hget'),
      ...on(own('later'), 'zadd'),
      ...on(own('later:bodies'), 'hset'),
      ...on(own(`id:${ANY}`), 'get'),
      ...on(own(`sent:${ANY}`), 'hmget', 'hget', 'hset', 'hdel', 'pexpire'),
      ...on(membersKey(channel), 'hgetall'),
    ];
  },
  cancel: ({ channel }) => {
    const own = ownedBy(channel);
    return [
      ...plain('time'),
      ...on(own('later'), 'zscore', 'zrem'),
      ...on(own('later:bodies'), 'hdel'),
      ...on(own(`id:${ANY}`), 'del'),
    ];
  },
  mature,
  primary: () => [],
  group: ({ channel, group = ANY }) => {
    const own = ownedBy(channel);
    return [
      ...plain('time'),
      ...on(logKey(channel), 'xlen', 'xgroup|create', 'xrange'),
      ...on(own('about'), 'hlen', 'hget'),
      ...on(own('bells'), 'hlen', 'hsetnx'),
      ...on(own(`state:${group}`), 'hset'),
    ];
  },
  work: (call) => {
    const { channel, group = ANY } = call;
    const own = ownedBy(channel);
    return [
      ...mature(call),
      ...on(
        logKey(channel),
        ...['xlen', 'xrange', 'xreadgroup', 'xack', 'xclaim', 'xpending', 'xgroup|create', 'xgroup|delconsumer'],
      ),
      ...on(own('about'), 'hlen', 'hmget'),
      ...on(own('bells'), 'hget', 'hset', 'hsetnx'),
      ...say('spublish', inboxChannel(channel, group, INSTANCE)),
      ...on(own(`work:${group}`), 'hlen', 'hmget', 'hgetall', 'hset', 'hsetnx', 'hdel'),
      ...on(own(`rest:${group}`), 'hlen', 'hmget', 'hset', 'hdel'),
      ...on(own(`due:${group}`), 'zadd', 'zrem', 'zrange', 'zrangebyscore'),
      ...on(own(`busy:${group}`), 'hlen', 'hset', 'hsetnx', 'hdel'),
      ...on(own(`lane:${group}:${ANY}`), 'lpop', 'rpush'),
      ...on(own(`seen:${group}`), 'zadd', 'zrem', 'zscore', 'zrangebyscore'),
      ...on(own(`state:${group}`), 'hmget', 'hset'),
      ...on(own(`once:${group}:${ANY}`), 'exists', 'set'),
      ...on(own(`done:${group}:${ANY}`), 'exists', 'set'),
      ...on(deadKey(channel, group), 'xlen', 'xadd'),
    ];
  },
  read: (call) => [
    ...mature(call),
    ...on(logKey(call.channel), 'xrange', 'xrevrange'),
    ...on(ownedBy(call.channel)('about'), 'hget'),
  ],
  tend: (call) => {
    const { channel, may = [] } = call;
    const own = ownedBy(channel);
    return [
      ...mature(call),
      ...on(logKey(channel), 'exists', 'xinfo|groups', 'xpending'),
      ...on(logKey(channel), ...(may.includes('read') ? ['xrange'] : []), ...(may.includes('trim') ? ['xtrim'] : [])),
      ...on(own('about'), 'hget'),
      ...on(own(`state:${ANY}`), 'hmget'),
      ...on(own(`due:${ANY}`), 'zcard'),
      ...on(deadKey(channel, ANY), 'xlen'),
      ...on(membersKey(channel), 'hget'),
    ];
  },
  replay: ({ channel, group = ANY }) => {
    const own = ownedBy(channel);
    return [
      ...plain('time'),
      ...on(logKey(channel), 'xlen', 'xadd'),
      ...on(own('about'), 'hlen', 'hincrby', 'hset'),
      ...on(own('bells'), 'hlen', 'hget', 'hset'),
      ...on(deadKey(channel, group), 'xrange', 'xdel'),
      ...say('spublish', inboxChannel(channel, group, INSTANCE)),
    ];
  },
  remove: ({ channel, group = ANY }) => {
    const own = ownedBy(channel);
    const belongings = ['work', 'rest', 'due', 'busy', 'seen', 'state', 'dead'].map((name) => own(`${name}:${group}`));
    return [
      ...plain('time', 'pubsub|shardnumsub'),
      ...on(logKey(channel), 'xgroup|destroy'),
      ...on(own('bells'), 'hdel'),
      ...on(membersKey(channel), 'hget', 'hdel'),
      ...on(own(`busy:${group}`), 'hkeys'),
      ...[...belongings, own(`lane:${group}:${ANY}`)].flatMap((name) => on(name, 'del')),
    ];
  },
};
