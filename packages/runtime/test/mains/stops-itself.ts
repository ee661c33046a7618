// Nothing keeps a service's process alive once it has stopped; nothing else has to while it runs.
import { runService } from '@belfry/runtime';

const service = await runService({ name: 'short' });
process.on('SIGUSR2', () => void service.stop());
console.log(`ready ${process.listenerCount('SIGTERM')}`);
await service.stopped;
console.log(`stopped ${process.listenerCount('SIGTERM')}`);
