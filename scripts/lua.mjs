// npm run lua: writes the texts of packages/redis/src/lua/*.lua into src/lua-texts.ts, so that nothing has to be read from disk at run
// time, and bundlers find them. Run it after every change of a .lua file; scripts.test.ts fails until you have.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const source = join(import.meta.dirname, '../packages/redis/src');
const names = readdirSync(join(source, 'lua'))
  .filter((file) => file.endsWith('.lua'))
  .map((file) => file.slice(0, -'.lua'.length))
  .sort();
const read = (name) => readFileSync(join(source, 'lua', `${name}.lua`), 'utf8');
const quote = (text) => `\`${text.replace(/[\\`]|\$\{/g, '\\$&')}\``;

writeFileSync(
  join(source, 'lua-texts.ts'),
  `// Made by \`npm run lua\` from lua/*.lua: change those.

export const luaTexts = {
${names.map((name) => `  ${name}: ${quote(read(name))},\n`).join('')}};
`,
);
