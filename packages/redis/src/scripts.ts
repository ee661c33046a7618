import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { luaTexts } from './lua-texts.js';

/** The text of a script, and what Redis knows it by. */
export interface Form {
  readonly text: string;
  readonly sha: string;
}

/** A Lua script of src/lua, as it stands in lua-texts.ts. Its header says what its keys, arguments and answer are. */
export interface Script extends Form {
  /** As a Cluster runs it: there the broadcast channel is a sharded one, like all of Belfry's own. */
  readonly sharded: Form;
}

/** Both forms of a script, by its name. */
export const formsOf = (name: keyof typeof luaTexts): Script => load(name);

function load(name: keyof typeof luaTexts): Script {
  const text = luaTexts[name];
  return { ...formOf(text), sharded: formOf(shardedText(text)) };
}

/** The text of a script as a Cluster runs it. */
export const shardedText = (text: string): string =>
  text.replace(/^local TELL = 'PUBLISH'.*$/m, "local TELL = 'SPUBLISH'");

const formOf = (text: string): Form => ({ text, sha: createHash('sha1').update(text).digest('hex') });

export const publishScript = load('publish');
export const burstScript = load('burst');
export const recoverScript = load('recover');
export const historyScript = load('history');
export const askScript = load('ask');
export const joinScript = load('join');
export const leaveScript = load('leave');
export const audienceScript = load('audience');
export const appendScript = load('append');
export const workScript = load('work');
export const groupScript = load('group');
export const readScript = load('read');
export const tendScript = load('tend');
export const matureScript = load('mature');
export const replayScript = load('replay');
export const cancelScript = load('cancel');
export const removeScript = load('remove');
export const primaryScript = load('primary');

/** The clients whose server is a node of a Cluster. */
const nodes = new WeakSet<Redis>();

/** From now on the client is sent the scripts as a Cluster runs them. */
export function markAsNode(client: Redis): void {
  nodes.add(client);
}

export const isNode = (client: Redis): boolean => nodes.has(client);

/** Makes the scripts known to the server that a connection has just reached. */
export async function loadScripts(client: Redis): Promise<void> {
  // The others are sent whole when they are first used.
  const scripts = [
    publishScript,
    burstScript,
    recoverScript,
    appendScript,
    workScript,
    askScript,
    joinScript,
    leaveScript,
    audienceScript,
  ];
  await Promise.all(scripts.map((script) => client.script('LOAD', formFor(client, script).text)));
}

/** Runs a script by its name. Rejects with NOSCRIPT when the server has forgotten it. */
export function sendScript(
  client: Redis,
  script: Script,
  keys: readonly string[],
  ...args: readonly (string | number)[]
): Promise<unknown> {
  if (!nodes.has(client)) return client.evalsha(script.sha, keys.length, ...keys, ...args);
  return client.evalsha(script.sharded.sha, keys.length + 1, ...keys, guardOf(keys[0]!), ...args);
}

/** Runs a script that may be run twice without harm: it is sent whole when the server has forgotten it. */
export async function runScript(
  client: Redis,
  script: Script,
  keys: readonly string[],
  args: readonly string[],
): Promise<unknown> {
  try {
    return await sendScript(client, script, keys, ...args);
  } catch (error) {
    if (!isNoScript(error)) throw error;
    const all = nodes.has(client) ? [...keys, guardOf(keys[0]!)] : keys;
    return client.eval(formFor(client, script).text, all.length, ...all, ...args);
  }
}

const formFor = (client: Redis, script: Script): Form => (nodes.has(client) ? script.sharded : script);

/**
 * A key that never exists, on the same hash tag. While a slot is moving, the keys of a channel lie on two servers, and a script would take for absent
 * what is only elsewhere: it would begin a log anew. Of several keys Redis wants all to be there then, and refuses (TRYAGAIN, ASK) as long as one is not:
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#ask-redirection
 */
const guardOf = (key: string): string => `${key.slice(0, key.indexOf('}') + 1)}:-`;

export const isNoScript = (error: unknown): boolean => error instanceof Error && error.message.startsWith('NOSCRIPT');
