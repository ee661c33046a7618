// npm run lua: writes the texts of packages/redis/src/lua/*.lua into src/lua-texts.ts, so that nothing has to be read from disk at run
// time, and bundlers find them. Run it after every change of a .lua file; scripts.test.ts fails until you have.
//
// What several scripts need is written once, in lua/includes. A line `-- include ring` in a script asks for the text of
// includes/ring.lua: this program puts it below that line and ends it with `-- end of ring`, and does so again whenever it has changed.
// So each file stays a whole script, which other programs can run as it lies there. An include costs what its functions
// cost: Redis makes them anew in each call, so place it below whatever can do without.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const source = join(import.meta.dirname, '../packages/redis/src');
const lua = join(source, 'lua');
const names = readdirSync(lua)
  .filter((file) => file.endsWith('.lua'))
  .map((file) => file.slice(0, -'.lua'.length))
  .sort();
const include = (text) =>
  text.replace(
    /^-- include (\w+)\n(?:[\s\S]*?^-- end of \1\n)?/gm,
    (_, part) => `-- include ${part}\n${readFileSync(join(lua, 'includes', `${part}.lua`), 'utf8')}-- end of ${part}\n`,
  );
const quote = (text) => `\`${text.replace(/[\\`]|\$\{/g, '\\$&')}\``;

const texts = names.map((name) => {
  const file = join(lua, `${name}.lua`);
  const before = readFileSync(file, 'utf8');
  const text = include(before);
  if (text !== before) writeFileSync(file, text);
  return `  ${name}: ${quote(text)},\n`;
});

writeFileSync(
  join(source, 'lua-texts.ts'),
  `// Made by \`npm run lua\` from lua/*.lua: change those.

export const luaTexts = {
${texts.join('')}};
`,
);
