import type { Usage } from '@belfry/core';
import {
  broadcastChannel,
  broadcastGlob,
  deadKey,
  frameReadersChannel,
  historyKey,
  inboxChannel,
  logKey,
  mailChannel,
  membersKey,
  ownedBy,
  probeChannel,
  stampsKey,
} from './names.js';
import { ANY, INSTANCE, type Operation } from './operation.js';
import { type ScriptCall, type ScriptName, scriptOperations } from './script-operations.js';

/** What is true of a whole service. */
export interface Circumstances {
  /** Against a Redis Cluster. */
  readonly cluster?: boolean;
  /** In a database other than 0. */
  readonly database?: number;
}

/** What every connection does, whatever it is for: it looks at the server, loads scripts, and gives signs of life. */
export const commonOperations = ({ cluster = false, database = 0 }: Circumstances): Operation[] => [
  ...['eval', 'script|load', 'unsubscribe', 'sunsubscribe', 'punsubscribe'].map((command) => ({ command })),
  ...(database === 0 ? [] : [{ command: `select|${database}` }]),
  ...(cluster ? ['cluster|info', 'cluster|slots'].map((command) => ({ command })) : []),
  // Refused, the signs of life are signs of life all the same; what INFO tells is looked at as far as it tells anything.
  ...['ping', 'info', 'client|setname'].map((command) => ({ command, optional: true as const })),
  ...probes(cluster).map((name) => ({ ...say('spublish', name), optional: true as const })),
];

/** Every command that a usage takes, also those within scripts. Both the rules of a user and the check at the start are made of it. */
export function operationsOf(usage: Usage, { cluster = false }: Circumstances): Operation[] {
  const script = (name: ScriptName, keys: readonly string[], call: Partial<ScriptCall> = {}): Operation[] => {
    const channel = channelOf(usage);
    const declared = cluster ? [...keys, ownedBy(channel)('-')] : keys;
    return [
      { command: 'eval', keys: declared },
      { command: 'evalsha', keys: declared },
      ...scriptOperations[name]({ channel, cluster, ...call }),
    ];
  };
  const subscribe = cluster ? 'ssubscribe' : 'subscribe';
  // Whoever listens to anything listens to itself, too.
  const probed = probes(cluster).map((name) => say('ssubscribe', name));
  const share = (channel: string, group: string): Operation[] => [
    ...probed,
    say('ssubscribe', inboxChannel(channel, group, INSTANCE)),
    ...script('join', [membersKey(channel), stampsKey(channel)]),
    ...script('leave', [membersKey(channel), stampsKey(channel)]),
  ];
  const hear = (channel: string): Operation[] => [
    ...probed,
    say(subscribe, broadcastChannel(channel)),
    say(subscribe, frameReadersChannel(channel)),
  ];
  const audience = (channel: string): Operation[] => script('audience', [membersKey(channel)]);
  const correspond = ({ namespace, service }: { namespace: string; service: string }): Operation[] => [
    ...probed,
    say('ssubscribe', mailChannel(`${namespace}:${service}/${INSTANCE}`)),
    say('spublish', mailChannel(`${namespace}:${ANY}/${INSTANCE}`)),
    { command: 'pubsub|shardnumsub' },
  ];
  switch (usage.kind) {
    case 'publish': {
      const { channel, recovered, public: isPublic } = usage;
      const keys = recovered ? [membersKey(channel), historyKey(channel)] : [membersKey(channel)];
      const call = { public: isPublic, recovered };
      const names: ScriptName[] = recovered ? ['recover', 'burst'] : ['publish', 'burst'];
      return [...names.flatMap((name) => script(name, keys, call)), ...audience(channel)];
    }
    case 'append': {
      const log = [logKey(usage.channel)];
      return [
        ...script('append', log),
        ...script('cancel', log),
        ...script('mature', log, { may: ['append'] }),
        ...script('tend', log, { may: ['append', 'trim'] }),
        ...audience(usage.channel),
      ];
    }
    case 'publishBare':
      return [say('publish', usage.channel), { command: 'pubsub|numsub' }];
    case 'ask':
      return [...script('ask', [membersKey(usage.channel)]), ...audience(usage.channel), ...correspond(usage)];
    case 'share':
      return share(usage.channel, usage.group);
    case 'hear':
      return [...hear(usage.channel), ...(usage.recovered ? script('history', [historyKey(usage.channel)]) : [])];
    case 'hearPattern':
      return [...probed, say('psubscribe', broadcastGlob(usage.pattern).replaceAll('*', ANY))];
    case 'hearBare':
      return [...probed, say('subscribe', usage.channel)];
    case 'work': {
      const { channel, group } = usage;
      const log = [logKey(channel)];
      return [
        ...share(channel, group),
        ...script('group', log, { group }),
        ...script('work', log, { group }),
        ...script('tend', log, { may: ['read', 'trim'] }),
      ];
    }
    case 'read': {
      const log = [logKey(usage.channel)];
      return [...hear(usage.channel), ...script('read', log), ...script('tend', log, { may: ['read'] })];
    }
    case 'respond':
      return [...share(usage.channel, usage.service), ...audience(usage.channel), ...correspond(usage)];
    case 'operate': {
      const log = [logKey(usage.channel)];
      const dead = deadKey(usage.channel, ANY);
      return [
        ...script('tend', log, { may: ['read'] }),
        ...script('replay', log),
        ...script('remove', log),
        ...['xrange', 'xdel', 'xlen', 'del'].map((command) => ({ command, keys: [dead] })),
        { command: 'multi' },
        { command: 'exec' },
      ];
    }
  }
}

/** For people: what the operations are for. */
export function purposeOf(usage: Usage): string {
  switch (usage.kind) {
    case 'publish':
    case 'append':
    case 'publishBare':
      return `to publish ${usage.channel}`;
    case 'ask':
      return `to ask ${usage.channel.replace(/\/request$/, '')}`;
    case 'respond':
      return `to respond to ${usage.channel.replace(/\/request$/, '')}`;
    case 'share':
    case 'work':
      return `to handle ${usage.channel} in the group ${usage.group}`;
    case 'hear':
    case 'hearBare':
    case 'read':
      return `to hear ${usage.channel}`;
    case 'hearPattern':
      return `to hear ${usage.pattern}`;
    case 'operate':
      return `to look after ${usage.channel}`;
  }
}

const say = (command: string, channel: string): Operation => ({ command, channels: [channel] });
/** On a Cluster an instance hears itself on each server that it uses: see `probeChannel`. */
const probes = (cluster: boolean): string[] =>
  cluster ? [probeChannel(INSTANCE), probeChannel(`${INSTANCE}.${ANY}`)] : [probeChannel(INSTANCE)];
const channelOf = (usage: Usage): string => (usage.kind === 'hearPattern' ? usage.pattern : usage.channel);
