// What the tests of the scripts share: members of a ring that are nothing but connections to Redis.
import { crc32 } from 'node:zlib';
import { Redis } from 'ioredis';
import { vi } from 'vitest';
import { eachInFrame } from '../src/frame.js';
import { inboxChannel, membersKey, stampsKey } from '../src/names.js';
import { joinScript, leaveScript, runScript } from '../src/scripts.js';
import { sharedUrl } from './world.js';

export const connect = (to = sharedUrl) =>
  new Redis(to, { protocol: 2, autoResubscribe: false, retryStrategy: () => null });
export const idOf = (n: number) => (crc32(`member ${n}`) * 4294967296 + n).toString(16).padStart(16, '0').slice(0, 16);

/** A member of a group with a connection of its own, which notes what its inbox got. */
export class RingMember {
  readonly heard: string[] = [];
  readonly messages: string[] = [];
  private constructor(
    readonly id: string,
    readonly client: Redis,
  ) {
    client.on('smessage', (_channel: string, message: string) => {
      this.messages.push(message);
      eachInFrame(message, { channel: '' }, (body) => this.heard.push(body.trimEnd()));
    });
  }

  /** Listens to its inbox, and takes its place in the ring. */
  static async join(
    redis: Redis,
    channel: string,
    group: string,
    n: number,
    to = sharedUrl,
    version = '01',
  ): Promise<RingMember> {
    const member = new RingMember(idOf(n), connect(to));
    await member.client.ssubscribe(inboxChannel(channel, group, member.id));
    await join(redis, channel, group, member.id, undefined, undefined, version);
    return member;
  }

  /** Everything that was published before this call has arrived when it resolves. */
  async caughtUp(): Promise<string[]> {
    await this.client.ping();
    return this.heard;
  }
}

export const join = (
  redis: Redis,
  channel: string,
  group: string,
  id: string,
  stale = 15_000,
  remembered = 86_400_000,
  version = '01',
) =>
  runScript(
    redis,
    joinScript,
    [membersKey(channel), stampsKey(channel)],
    [group, id, version, String(stale), String(remembered)],
  );

export const leave = (redis: Redis, channel: string, group: string, id: string) =>
  runScript(redis, leaveScript, [membersKey(channel), stampsKey(channel)], [group, id]);

/** Resolves once Redis knows that nobody listens to a member's inbox any more. */
export const isGone = (redis: Redis, channel: string, group: string, id: string) =>
  vi.waitUntil(async () => {
    const reply = (await redis.call('PUBSUB', 'SHARDNUMSUB', inboxChannel(channel, group, id))) as unknown[];
    return reply[1] === 0;
  });
