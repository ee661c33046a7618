import type { Diary } from './diary.js';

const LOOK_MS = 100;
const SAMPLE_MS = 1000;
/** A shorter standstill is not worth a line. */
const NOTICED_MS = 500;

/** Writes down how much memory this process takes, and when its event loop stood still. */
export function watchHealth(diary: Diary): void {
  let [lastLook, lastSample, lastCpu] = [performance.now(), 0, process.cpuUsage()];
  setInterval(() => {
    const now = performance.now();
    const { user, system } = process.cpuUsage(lastCpu);
    const stoodStill = now - lastLook - LOOK_MS;
    if (stoodStill > NOTICED_MS) {
      diary.write({ what: 'stood still', for: Math.round(stoodStill), computing: Math.round((user + system) / 1000) });
    }
    [lastLook, lastCpu] = [now, process.cpuUsage()];
    if (now - lastSample < SAMPLE_MS) return;
    lastSample = now;
    diary.write({ what: 'health', rss: process.memoryUsage.rss() });
  }, LOOK_MS).unref();
}
