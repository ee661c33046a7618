import { FRAME_VERSION } from './frame.js';

/**
 * Every Redis name that Belfry uses for a contract's channel hangs on the hash tag of that channel, so that one script touches one slot
 * of a Cluster. `lua/publish.lua` and `lua/ask.lua` build the same names.
 */
const hanging = (channel: string): string => `belfry:{${channel}}:`;

/** Hash, group -> ring: who shares the work. */
export const membersKey = (channel: string): string => `${hanging(channel)}members`;
/** Sorted set: when each place in a ring was stamped. */
export const stampsKey = (channel: string): string => `${hanging(channel)}stamps`;
/** Stream: the log of a durable channel. The scripts build the names of what belongs to it. */
export const logKey = (channel: string): string => `${hanging(channel)}log`;
/** Stream: what of a channel is kept for broadcast subscribers that were away. */
export const historyKey = (channel: string): string => `${hanging(channel)}history`;
/** Stream: what a group has given up. */
export const deadKey = (channel: string, group: string): string => `${hanging(channel)}dead:${group}`;
/** What else belongs to a log, by its name: see `lua/append.lua` and `lua/work.lua`. */
export const ownedBy =
  (channel: string) =>
  (name: string): string =>
    `${hanging(channel)}${name}`;
/** Channel of the broadcast frames: a classic one, on a Cluster a sharded one. */
export const broadcastChannel = (channel: string): string => `${hanging(channel)}all`;
/** Nothing is ever said here: whoever listens says that it reads frames of version 2 on the broadcast channel. */
export const frameReadersChannel = (channel: string): string => `${broadcastChannel(channel)}:${FRAME_VERSION}`;
/** Sharded channel of one member of a group. */
export const inboxChannel = (channel: string, group: string, instance: string): string =>
  `${hanging(channel)}inbox:${group}:${instance}`;
/** Sharded channel of what is sent to one address alone. */
export const mailChannel = (address: string): string => `${hanging(address)}inbox`;
/** Sharded channel on which an instance hears itself. On a Cluster it has one on each server that it uses: the first that lies there. */
export const probeChannel = (instance: string, n = 0): string => `belfry:{${instance}${n === 0 ? '' : `.${n}`}}:probe`;

/** The glob for the broadcast channels of everything that a pattern matches, and of some things more: a glob's star crosses dots. */
export const broadcastGlob = (pattern: string): string => broadcastChannel(pattern.replaceAll('**', '*'));

/** The channel that a broadcast channel belongs to. */
export const channelOfBroadcast = (name: string): string => name.slice('belfry:{'.length, -'}:all'.length);
