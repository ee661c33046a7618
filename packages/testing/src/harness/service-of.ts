import { createService, type Service } from '@belfry/runtime';
import { ContainerModule } from 'inversify';
import type { HarnessWiring, ServiceSetup } from './harness.js';

/** One module that loads the others in their order, each when the one before is done, and then puts the overrides into their places. */
const moduleOf = ({ modules = [], overrides = [] }: ServiceSetup): ContainerModule =>
  new ContainerModule(async (options) => {
    for (const module of modules) await module.load(options);
    for (const { token, value } of overrides) {
      if (options.isBound(token)) options.unbind(token);
      options.bind(token).toConstantValue(value);
    }
  });

/** Makes a service as its setup says, wired to the harness. */
export function serviceOf(setup: ServiceSetup, wiring: HarnessWiring): Service {
  const { name = 'service', handlers = [], container, middleware = [] } = setup;
  return createService({
    ...wiring,
    name,
    handlers,
    modules: [moduleOf(setup)],
    middleware: [...wiring.middleware, ...middleware],
    ...(container !== undefined && { container }),
  });
}
