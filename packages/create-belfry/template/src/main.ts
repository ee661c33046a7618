// node dist/main.js shop: one service in this process, as it is deployed. npm run dev starts all of them: src/dev.ts.
import { runService } from 'belfry';
import { services } from './services.js';

const name = process.argv[2] ?? '';
const service = services.get(name);
if (service === undefined) {
  console.error(`Name a service to start: ${[...services.keys()].join(' or ')}.`);
  process.exit(1);
}
await runService(service);
