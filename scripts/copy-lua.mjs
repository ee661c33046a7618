// Other programs may run the scripts too, as @belfry/redis/lua/publish.lua: the compiler copies no .lua files.
import { cpSync } from 'node:fs';

cpSync('src/lua', 'dist/lua', { recursive: true });
