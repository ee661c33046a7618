import type { Redis } from 'ioredis';
import { toRules } from './access-rules.js';
import { nameRight, refusedCommand } from './failure.js';
import { luaTexts } from './lua-texts.js';
import type { Operation } from './operation.js';
import { refusedOperations } from './rights-check.js';
import { type ScriptName, scriptOperations } from './script-operations.js';
import { formsOf, type Form } from './scripts.js';

/**
 * Finds out which right it is that a script was refused for, because Redis does not tell, and hangs it on the refusal, whose hint names it then. Never
 * rejects.
 */
export async function nameLackingRight(client: Redis, refusal: Error): Promise<void> {
  const operations = operationsIn(refusal);
  if (operations.length === 0) return;
  const lacking = await refusedOperations(client, operations).catch(() => []); // the connection broke: then nobody can say
  if (lacking.length > 0) nameRight(refusal, toRules(lacking).join(' '));
}

/** What the script does that was refused. */
function operationsIn(refusal: Error): Operation[] {
  const { name, args } = refusedCommand(refusal);
  const found = name === 'evalsha' || name === 'eval' ? scripts().get(String(args[0])) : undefined;
  if (found === undefined) return [];
  const count = Number(args[1]);
  const keys = args.slice(2, 2 + count).map(String);
  const [group, isPublic] = args.slice(2 + count).map(String);
  const channel = keys[0]!.slice(keys[0]!.indexOf('{') + 1, keys[0]!.lastIndexOf('}:'));
  const { script, cluster } = found;
  const call = { channel, cluster, public: isPublic === '1', recovered: keys.some((key) => key.endsWith('}:history')) };
  return [
    { command: name, keys },
    ...scriptOperations[script](OF_A_GROUP.has(script) && group !== undefined ? { ...call, group } : call),
  ];
}

/** Their first argument is a group. */
const OF_A_GROUP: ReadonlySet<ScriptName> = new Set<ScriptName>(['work', 'group', 'replay', 'remove']);

interface Known {
  readonly script: ScriptName;
  readonly cluster: boolean;
}

/** By what Redis knows it by, and by its text. */
let known: Map<string, Known> | undefined;

function scripts(): Map<string, Known> {
  known ??= new Map(
    (Object.keys(luaTexts) as ScriptName[]).flatMap((script) => {
      const { sharded, ...plain } = formsOf(script);
      const named = ({ sha, text }: Form, cluster: boolean): [string, Known][] => [
        [sha, { script, cluster }],
        [text, { script, cluster }],
      ];
      return [...named(sharded, true), ...named(plain, false)]; // where both are the same, it is the plain one
    }),
  );
  return known;
}
