import { setImmediate as turn } from 'node:timers/promises';
import { createBus, memoryTransport } from 'belfry';
import { PaymentTaken } from './ledger.js';

// #region commit
const booked: string[] = [];
const transport = memoryTransport('memory:', {
  onCommit: (commands) => void booked.push(...commands.map((command) => command.join(' '))),
});
const bus = createBus({ name: 'ledger', transport });
// #endregion commit

await bus.subscribe(PaymentTaken, ({ account, cents }, { commit }) => commit(['HINCRBY', 'balances', account, cents]));
await bus.publish(PaymentTaken, { account: 'ann', cents: 1250 });
while (booked.length === 0) await turn();
await bus.close();
console.log(booked.join('; '));
