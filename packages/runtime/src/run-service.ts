import { explain } from './explain.js';
import { stopOnSignals } from './process-signals.js';
import { createService, type Service } from './service.js';
import type { ServiceOptions } from './service-options.js';

/**
 * What a main file does: builds a service, starts it, and keeps the process alive until it is told to stop. The first SIGTERM or SIGINT
 * drains every service of this process and ends it with exit code 0; a second one ends it at once, with 143 or 130. A service that cannot
 * start says why on standard error, and the process ends with exit code 1.
 * @returns the started service
 */
export async function runService(options: ServiceOptions): Promise<Service> {
  let signals: { readonly stopping: boolean } | undefined;
  try {
    const service = createService(options);
    signals = stopOnSignals(service);
    await service.start();
    return service;
  } catch (error) {
    // A signal during the start: the process ends as soon as everything is closed.
    if (signals?.stopping) return new Promise(() => {});
    console.error(`\n${explain(options?.name, error)}\n`);
    process.exit(1);
  }
}
