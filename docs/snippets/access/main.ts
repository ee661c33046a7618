import { runService } from 'belfry';
import { billing } from './billing.js';

await runService(billing);
