import { describe, expect, it } from 'vitest';
import { luaTexts } from './lua-texts.js';
import { ANY, INSTANCE } from './operation.js';
import { type ScriptName, scriptOperations } from './script-operations.js';

// The list of what each script calls and the Lua itself are held together by reading the Lua: which commands, on which names.

const CHANNEL = 'shop:orders.placed';
const BASE = `belfry:{${CHANNEL}}:`;

/** What the names of a script stand for, where it does not say so itself; '*' is anything. */
const variables: Record<string, string> = {
  LOG: `${BASE}log`,
  ABOUT: `${BASE}about`,
  BELLS: `${BASE}bells`,
  LATER: `${BASE}later`,
  BODIES: `${BASE}later:bodies`,
  SENT: `${BASE}sent:*`,
  MEMBERS: `${BASE}members`,
  MARKS: `${BASE}history:marks`,
  WORK: `${BASE}work:*`,
  REST: `${BASE}rest:*`,
  DUE: `${BASE}due:*`,
  BUSY: `${BASE}busy:*`,
  SEEN: `${BASE}seen:*`,
  STATE: `${BASE}state:*`,
  DEAD: `${BASE}dead:*`,
  LANES: `${BASE}lane:*:`,
  ONCE: `${BASE}once:*:`,
  DONE: `${BASE}done:*:`,
  all: `${BASE}all`,
  base: BASE,
  channel: CHANNEL,
  inbox: `${BASE}inbox:*:`,
  'KEYS[2]': `${BASE}history`,
};
const keysOf: Partial<Record<ScriptName, readonly string[]>> = {
  history: ['history'],
  join: ['members', 'stamps'],
  leave: ['members', 'stamps'],
};
/** The functions at the outermost level of a script, by name, and what is outside of them. */
function functionsIn(text: string): { functions: Map<string, string>; rest: string } {
  const functions = new Map<string, string>();
  let rest = '';
  let inside: string | undefined;
  for (const line of text.replace(/--\[\[[\s\S]*?\]\]/g, '').split('\n')) {
    const code = line.replace(/(^|\s)--.*$/, '');
    const name = /^local function (\w+)/.exec(code)?.[1];
    if (name !== undefined) functions.set(name, `${code}\n`);
    else if (inside !== undefined) functions.set(inside, `${functions.get(inside)}${code}\n`);
    else rest += `${code}\n`;
    if (name !== undefined && !/ end$/.test(code)) inside = name;
    if (code === 'end') inside = undefined;
  }
  return { functions, rest };
}

/** All code of a script that can run: functions that nobody calls came with an include. */
function codeOf(text: string): string {
  const { functions, rest } = functionsIn(text);
  let code = rest;
  const used = new Set<string>();
  for (let grew = true; grew; ) {
    grew = false;
    for (const [name, body] of functions) {
      if (used.has(name) || !new RegExp(`\\b${name}\\b`).test(code)) continue;
      used.add(name);
      code += body;
      grew = true;
    }
  }
  return code;
}

/** `redis.call('HSET', KEYS[1], …)`: the command, and its arguments. */
function callsIn(code: string): string[][] {
  return Array.from(code.matchAll(/redis\.p?call\(/g), ({ index, 0: start }) => {
    const args = [''];
    let depth = 0;
    for (const [token] of code.slice(index + start.length).matchAll(/'[^']*'|[\s\S]/g)) {
      if (token === ')' && depth === 0) break;
      if (/^[({[]$/.test(token)) depth++;
      if (/^[)}\]]$/.test(token)) depth--;
      if (token === ',' && depth === 0) args.push('');
      else args[args.length - 1] += token;
    }
    return args.map((argument) => argument.trim());
  });
}

const container = new Set(['XGROUP', 'XINFO', 'PUBSUB']);
/** remove.lua goes through them. */
const belongings = ['work', 'rest', 'due', 'busy', 'seen', 'state', 'dead'];
const nameless = new Set(['time', 'pubsub|numsub', 'pubsub|shardnumsub', 'pubsub|numpat']);
/** A word in quotes. On one server TELL is PUBLISH. */
const wordOf = (argument: string) =>
  argument.startsWith('TELL') ? tell(argument) : (/^'(.*)'$/.exec(argument)?.[1] ?? '');
const tell = (argument: string) => (argument === 'TELL' ? 'PUBLISH' : 'NUMSUB');

/** What the function that has `key` for a parameter is called with. */
const keysGiven = (code: string, caller: string): string[] =>
  Array.from(code.matchAll(new RegExp(`(?<!function )\\b${caller}\\(([^.()]*)\\)`, 'g')), ([, args = '']) =>
    args.split(', '),
  ).flat();

function operationsInLua(script: ScriptName): string[] {
  const text = luaTexts[script];
  const [first = text.includes('KEYS[1] the log') ? 'log' : 'members', second = 'history'] = keysOf[script] ?? [];
  const known: Record<string, string> = { ...variables, 'KEYS[1]': BASE + first, 'KEYS[2]': BASE + second };
  const nameIn = (expression: string): string =>
    expression
      .split(' .. ')
      .map((part) => (/^'.*'$/.test(part) ? wordOf(part) : (known[part] ?? '*')))
      .join('')
      .replace(/\*+/g, '*');
  const code = codeOf(text);
  const namesOf = (command: string, args: readonly string[]): string[] => {
    const [expression = ''] = args;
    if (command === 'xreadgroup') return [args[args.indexOf("'STREAMS'") + 1]!].map(nameIn);
    if (command === 'hmget' && expression === 'key')
      return keysGiven(code, 'look_up')
        .filter((each) => each in known)
        .map(nameIn);
    if (command === 'hlen' && expression === 'key') return keysGiven(code, 'look_at').map(nameIn);
    // remove.lua goes through what belongs to a group.
    if (expression === 'base .. name .. group') return belongings.map((name) => `${BASE}${name}:*`);
    return [nameIn(expression)];
  };
  const found = new Set<string>();
  for (const [name = '', ...args] of callsIn(code)) {
    if (name.startsWith('unpack(')) continue; // context.commit: the commands of a handler
    const word = wordOf(name);
    const command = (container.has(word) ? `${word}|${wordOf(args.shift() ?? '')}` : word).toLowerCase();
    if (nameless.has(command)) found.add(command);
    else for (const each of namesOf(command, args)) found.add(`${command} ${each}`);
  }
  return [...found].sort();
}

const operationsInList = (script: ScriptName): string[] =>
  [
    ...new Set(
      scriptOperations[script]({
        channel: CHANNEL,
        group: ANY,
        public: true,
        recovered: true,
        may: ['append', 'read', 'trim', 'readHistory'],
        cluster: false,
      }).flatMap(({ command, keys = [], channels = [] }) => {
        const names = [...keys, ...channels].map((name) => name.replaceAll(ANY, '*').replaceAll(INSTANCE, '*'));
        return names.length === 0 ? [command] : names.map((name) => `${command} ${name}`);
      }),
    ),
  ].sort();

describe('what scripts call', () => {
  it.each(Object.keys(luaTexts) as ScriptName[])(
    '%s.lua: every redis.call is in the list, and nothing else',
    (script) => {
      expect(operationsInList(script)).toEqual(operationsInLua(script));
    },
  );
});
