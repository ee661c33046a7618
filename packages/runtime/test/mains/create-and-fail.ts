// Without runService nobody calls process.exit: after a failed start nothing may hold the process.
import { createService } from '@belfry/runtime';

const service = createService({ name: 'lost', url: 'redis://127.0.0.1:1' });
await service.start().catch(({ code }) => console.log(code));
