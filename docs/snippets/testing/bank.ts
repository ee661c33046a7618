import { ContainerModule } from 'belfry';
import { Bank } from './billing.js';

/** The real one. */
export const bank = new ContainerModule(({ bind }) => {
  bind(Bank).toConstantValue({ take: () => Promise.reject(new Error('no bank here')) });
});
