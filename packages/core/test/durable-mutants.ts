// Faults that the explorer must find: each is a change of group.ts by which it would break a promise.
export const mutants = [
  {
    name: 'take a settlement from whoever had it before',
    find: 'pending?.holder?.token !== token',
    replace: 'pending === undefined',
  },
  {
    name: 'be done with an entry when it is delivered',
    find: 'pending.attempts++;',
    replace: 'pending.attempts++; this.#pending.delete(id);',
  },
  {
    name: 'never claim what the dead held',
    find: 'if (now - seen < claimTimeout) continue;',
    replace: 'continue;',
  },
  {
    name: 'claim what the living hold',
    find: 'if (now - seen < claimTimeout) continue;',
    replace: '',
  },
  {
    name: 'forget what is to be tried again',
    find: 'pending.dueAt = now + settlement.delay;',
    replace: 'this.#pending.delete(id);',
  },
  {
    name: 'let others of a key go on while one waits to be tried again',
    find: "if (outcome === 'retry') pending.dueAt = now + settlement.delay;",
    replace:
      "if (outcome === 'retry') { pending.dueAt = now + settlement.delay; if (pending.key !== undefined) this.#busy.delete(pending.key); }",
  },
  { name: 'deal entries of a busy key', find: 'key !== undefined && this.#busy.has(key)', replace: 'false' },
  { name: 'take the newest of a key first', find: 'const next = lane?.shift();', replace: 'const next = lane?.pop();' },
  {
    name: 'forget what waits behind a key',
    find: 'if (next === undefined) return undefined;\n    this.#parked--;',
    replace: 'if (next !== undefined) this.#parked--;\n    return undefined;',
  },
  {
    name: 'count a hand-over as an attempt',
    find: 'pending.dueAt = now;\n      pending.attempts--;',
    replace: 'pending.dueAt = now;',
  },
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
  {
    name: 'keep no dead letters',
    find: "if (outcome === 'dead' && entry !== undefined)",
    replace: "if (outcome === 'dead' && entry !== undefined && entry === null)",
  },
  {
    name: 'leave what was given in a lost answer with a term that has ended',
    find: 'this.#reconcile(ask.former, holder, now)',
    replace: '[]',
  },
  {
    name: 'count what was given in a lost answer as an attempt',
    find: 'pending.dueAt = now;\n        pending.attempts--;',
    replace: 'pending.dueAt = now;\n        pending.attempts += 2;',
  },
  {
    name: 'give back what an instance still has in its hands when an answer was lost',
    find: 'if (known.some(({ token }) => token === holder.token)) {',
    replace: 'if (holder.token < 0) {',
  },
  {
    name: 'not tell an instance that others have taken what it held',
    find: 'const lostBefore = ask.holding > 0 &&',
    replace: 'const lostBefore = false &&',
  },
];
