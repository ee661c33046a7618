import { runService } from '@belfry/runtime';

await runService({ name: 'wrong', drainTimeout: 'soon' as never });
console.log('not reached');
