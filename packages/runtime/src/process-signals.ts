import { constants } from 'node:os';
import type { Service } from './service.js';

// A process has one set of signals, however many services run in it.
const running = new Set<Service>();
let keepAlive: NodeJS.Timeout | undefined;
const state = { stopping: false };

const LONGEST_DELAY_MS = 2_147_483_647;

/** Stops a service, with the others of this process, at SIGTERM or SIGINT. Until it has stopped, the process stays alive. */
export function stopOnSignals(service: Service): { readonly stopping: boolean } {
  if (running.size === 0) {
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
    keepAlive = setInterval(() => {}, LONGEST_DELAY_MS);
  }
  running.add(service);
  void service.stopped.then(() => {
    running.delete(service);
    if (running.size > 0 || state.stopping) return;
    process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
    clearInterval(keepAlive);
  });
  return state;
}

function onSignal(signal: 'SIGTERM' | 'SIGINT'): void {
  if (state.stopping) process.exit(128 + constants.signals[signal]);
  state.stopping = true;
  void Promise.allSettled(Array.from(running, (service) => service.stop())).then((results) =>
    process.exit(results.some(({ status }) => status === 'rejected') ? 1 : 0),
  );
}
