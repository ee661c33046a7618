// npm run demo [-- --redis [url]]: the flights example. From a clean clone it installs and builds what is missing first.
import { build, install, run } from './prepare.mjs';

process.exitCode =
  (await install()) ||
  (await build()) ||
  (await run(process.execPath, ['examples/flights/dist/demo.js', ...process.argv.slice(2)]));
