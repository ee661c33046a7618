// The compiler copies no .lua files; the built package reads them from dist/lua.
import { cpSync } from 'node:fs';

cpSync('src/lua', 'dist/lua', { recursive: true });
