// Other programs may run the scripts too, as @belfry/redis/lua/publish.lua, or on a Cluster as @belfry/redis/lua/cluster/publish.lua: the compiler
// copies no .lua files.
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { shardedText } from '../packages/redis/dist/scripts.js';

cpSync('src/lua', 'dist/lua', { recursive: true });
mkdirSync('dist/lua/cluster', { recursive: true });
for (const file of readdirSync('src/lua').filter((name) => name.endsWith('.lua')))
  writeFileSync(`dist/lua/cluster/${file}`, shardedText(readFileSync(`src/lua/${file}`, 'utf8')));
