// npm run test:soak [-- --seconds 30 --seed 7 --verbose]: real processes, a Redis of their own and random faults, for two minutes; then what was
// published is compared with what was handled.
import { install, run } from './prepare.mjs';

const soak = ['--conditions=@belfry/source', '--import', 'tsx', 'packages/redis/test/soak/soak.ts'];
process.exitCode = (await install()) || (await run(process.execPath, [...soak, ...process.argv.slice(2)]));
