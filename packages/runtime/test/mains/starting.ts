// A start that never ends by itself.
import { runService } from '@belfry/runtime';

const patient = runService({ name: 'patient', url: 'redis://127.0.0.1:1', startup: 'wait' });
console.log('starting');
await patient;
