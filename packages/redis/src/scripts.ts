import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { luaTexts } from './lua-texts.js';

/** A Lua script of src/lua, as it stands in lua-texts.ts. Its header says what its keys, arguments and answer are. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

function load(name: keyof typeof luaTexts): Script {
  const text = luaTexts[name];
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

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
export const replayScript = load('replay');
export const cancelScript = load('cancel');
export const removeScript = load('remove');

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
  await Promise.all(scripts.map(({ text }) => client.script('LOAD', text)));
}

/** Runs a script that may be run twice without harm: it is sent whole when the server has forgotten it. */
export async function runScript(
  client: Redis,
  script: Script,
  keys: readonly string[],
  args: readonly string[],
): Promise<unknown> {
  try {
    return await client.evalsha(script.sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!isNoScript(error)) throw error;
    return client.eval(script.text, keys.length, ...keys, ...args);
  }
}

export const isNoScript = (error: unknown): boolean => error instanceof Error && error.message.startsWith('NOSCRIPT');
