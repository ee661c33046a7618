import { parseArgs } from 'node:util';
import { obey, tell } from './parent.js';
import { createFlightService, isServiceName } from './services.js';

// One service in a process of its own. It is started by many-processes.ts, and does what that says over the pipe between them.
// Where Redis is, and the namespace, stand in BELFRY_URL and BELFRY_NAMESPACE.

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '' },
    work: { type: 'string', default: '' },
  },
});
const [name = ''] = positionals;
if (!isServiceName(name) || process.send === undefined) throw new Error('This file is run by demo.js.');

const service = createFlightService(name, {
  workTimeMs: Number(values.work),
  write: (entry) => void tell({ type: 'entry', entry }),
});
await obey(service, Number(values.seconds));
