// Faults that the explorer must find: each is a change of group.ts by which it would break a promise.
export const mutants = [
  {
    name: 'take a settlement from whoever had it before',
    find: 'holder?.instance !== instance || holder.token !== token',
    replace: 'false',
  },
  {
    name: 'look at the instance only, not at the delivery',
    find: 'holder?.instance !== instance || holder.token !== token',
    replace: 'holder?.instance !== instance',
  },
  {
    name: 'be done with an entry when it is delivered',
    find: 'pending.attempts++;',
    replace: 'pending.attempts++; this.#pending.delete(id);',
  },
  {
    name: 'never claim what the dead held',
    find: 'if (now - seen < this.#options.claimTimeout) continue;',
    replace: 'continue;',
  },
  {
    name: 'claim what the living hold',
    find: 'if (now - seen < this.#options.claimTimeout) continue;',
    replace: '',
  },
  {
    name: 'forget what is to be tried again',
    find: 'pending.dueAt = settlement.at;',
    replace: 'this.#pending.delete(id);',
  },
  {
    name: 'let others of a key go on while one waits to be tried again',
    find: "if (outcome === 'retry') pending.dueAt = settlement.at;",
    replace:
      "if (outcome === 'retry') { pending.dueAt = settlement.at; if (pending.key !== undefined) this.#busy.delete(pending.key); }",
  },
  { name: 'deal entries of a busy key', find: 'key !== undefined && this.#busy.has(key)', replace: 'false' },
  { name: 'take the newest of a key first', find: 'const next = lane?.shift();', replace: 'const next = lane?.pop();' },
  {
    name: 'forget what waits behind a key',
    find: 'if (next === undefined) return undefined;\n    this.#parked--;',
    replace: 'if (next !== undefined) this.#parked--;\n    return undefined;',
  },
  { name: 'count a hand-over as an attempt', find: 'pending.attempts--;', replace: '' },
  {
    name: 'hand over only after a while',
    find: 'pending.dueAt = now;\n      pending.attempts--;',
    replace: 'pending.dueAt = now + 400;\n      pending.attempts--;',
  },
  {
    name: 'give more than was asked for',
    find: 'while (deliveries.length < room && ',
    replace: 'while (deliveries.length <= room && ',
  },
  { name: 'keep no dead letters', find: "if (outcome === 'dead' && entry !== undefined)", replace: 'if (false)' },
];
