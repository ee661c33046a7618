import type { Bus } from 'belfry';
import { OrderPlaced } from './contracts.js';

// #region groups
export async function howItStands(bus: Bus): Promise<string[]> {
  const groups = await bus.inspect(OrderPlaced).groups();
  return groups.map(
    ({ group, members, lag, pending, oldestAge = 0, deadLetters }) =>
      `${group}: ${members} there, ${lag + pending} to do, the oldest for ${oldestAge} ms, ${deadLetters} given up`,
  );
}
// #endregion groups

// #region dead-letters
export async function tryAgain(bus: Bus): Promise<string[]> {
  const letters = bus.inspect(OrderPlaced).deadLetters('billing');
  const report: string[] = [];
  for (const { id, code, message, attempts, envelope } of await letters.list({ limit: 100 })) {
    report.push(`${envelope?.id}: ${code} after ${attempts}, ${message}`);
    if (message.includes('nobody pays')) await letters.purge(id);
  }
  const { replayed, refused } = await letters.replay('all', { perSecond: 50 });
  report.push(`${replayed} tried again, ${refused.length} do not fit the contract`);
  return report;
}
// #endregion dead-letters

// #region remove
export async function forget(bus: Bus, group: string): Promise<boolean> {
  return bus.inspect(OrderPlaced).removeGroup(group); // with what waits for it, and its dead letters
}
// #endregion remove
