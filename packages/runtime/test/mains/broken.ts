import { runService } from '@belfry/runtime';
import { ContainerModule } from 'inversify';

const broken = new ContainerModule(async () => {
  throw new TypeError('the database is not there');
});
await runService({ name: 'broken', modules: [broken] });
console.log('not reached');
