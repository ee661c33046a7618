/** A fault that the explorer must find: changes of a worker's parts by which it would break a promise. */
export interface WorkerMutant {
  readonly name: string;
  readonly changes: readonly { readonly find: string; readonly replace: string }[];
}

const mutant = (name: string, ...changes: (readonly [find: string, replace: string])[]): WorkerMutant => ({
  name,
  changes: changes.map(([find, replace]) => ({ find, replace })),
});

export const mutants: readonly WorkerMutant[] = [
  mutant('acknowledge before the handler is done', [
    'const outcome = run(held);',
    "this.#options.hands.finish(held, { outcome: 'done' });\n    const outcome = run(held);",
  ]),
  mutant(
    'forget the doorbell and the poll',
    ['readonly ring = (): void => {\n    this.#ask();', 'readonly ring = (): void => {'],
    ['Math.min(poll, milliseconds ?? poll)', '(milliseconds ?? Number.MAX_SAFE_INTEGER)'],
  ),
  mutant('forget the doorbell', ['readonly ring = (): void => {\n    this.#ask();', 'readonly ring = (): void => {']),
  mutant('forget a doorbell that rings while it asks', [
    'if (this.#asking) this.#askAgain = true;\n    else void',
    'if (!this.#asking) void',
  ]),
  mutant('forget the poll', ['Math.min(poll, milliseconds ?? poll)', '(milliseconds ?? Number.MAX_SAFE_INTEGER)']),
  mutant('forget what is due', ['this.#dueIn(work.more ? undefined : work.dueIn)', 'this.#dueIn(undefined)']),
  mutant('ask all the time for what is due, without having room', ['work.more ? undefined : work.dueIn', 'work.dueIn']),
  mutant('give signs of life too seldom', ['Math.min(POLL_MS, claimTimeout / 3)', 'POLL_MS']),
  mutant('give no signs of life once it stops', [
    'if (this.#stopped && this.#hands.size === 0) return;',
    'if (this.#stopped) return;',
  ]),
  mutant('keep its term when an answer was lost', ['else if (!isUnsent(error)) this.#terms.end();', '']),
  mutant('believe that nothing was done when the broker says no', [
    'if (isRefused(error)) this.#terms.doubt();\n    else if',
    'if (!isRefused(error)) if',
  ]),
  mutant('forget a term that ended before the last one', [
    'this.#former = [...this.#former, this.holder];\n    this.#term++;',
    'this.#former = [this.holder];\n    this.#term++;',
  ]),
  mutant('say that it knows nothing of what it settles', [
    '[...this.#held.values(), ...this.#settled.map(({ settlement }) => settlement)]',
    '[...this.#held.values()]',
  ]),
  mutant('say that it knows nothing of what it has in its hands', [
    '[...this.#held.values(), ...this.#settled.map(({ settlement }) => settlement)]',
    'this.#settled.map(({ settlement }) => settlement)',
  ]),
  mutant('say that it holds nothing', [
    'return this.#held.size + this.#settled.filter(({ token }) => !this.#held.has(token)).length',
    'return 0',
  ]),
  mutant('forget a settlement when an answer was lost', [
    'this.#settlements = [...this.#underway, ...this.#settlements];',
    '',
  ]),
  mutant('try no more when an answer was lost', [
    "if (this.#failures++ === 0) this.#options.tell({ what: 'unavailable', error });\n    this.#askAgain = true;",
    "if (this.#failures++ === 0) this.#options.tell({ what: 'unavailable', error });",
  ]),
  mutant('settle twice', [
    'this.#settlements.push({ settlement, token: held.token, held, again: false, resolve, reject });',
    'for (let n = 0; n < 2; n++) this.#settlements.push({ settlement, token: held.token, held, again: false, resolve, reject });',
  ]),
  mutant('settle what was committed once more', [
    'if (!refused.includes(token)) resolve?.();',
    'if (!refused.includes(token)) {\n      if (resolve !== undefined) this.#held.set(token, held);\n      resolve?.();\n    }',
  ]),
  mutant('say that a commit was made which was refused', ['if (trouble !== undefined) {', 'if (trouble === null) {']),
  mutant('say that a commit was made although others have it', [
    '      reject(claimLost(subject));',
    '      resolve?.();',
  ]),
  mutant('forget what is to become of it when a commit was refused', [
    'if (held.afterwards !== undefined) this.#settle(held, held.afterwards);',
    '',
  ]),
  mutant('settle while a commit is under way', ['      held.isCommitting = true;\n', '']),
  mutant('let handlers go on with what others have', [
    '      this.#letGo(held);\n      held.abort(claimLost(subject));',
    '      this.#letGo(held);',
  ]),
  mutant('not look whether it has lapsed', [
    'if (work.lapsed) this.#lapse(',
    'if (work.lapsed === undefined) this.#lapse(',
  ]),
  mutant('not look what it still holds after an answer was lost', ['else if (hasAsked)', 'else if (false)']),
  mutant('abort what it still holds after an answer was lost', ['!work.kept.includes(token)', 'token > 0']),
  mutant('settle what others have by now', [
    'if (!this.#held.has(held.token)) return; // it was committed',
    '// it was committed',
  ]),
  mutant('keep what it has read ahead when it stops', ['return this.#giveBack();', 'return 0;']),
  mutant('forget what it has read ahead when it stops', ['hands.release(held);\n        released++;', 'released++;']),
  mutant('keep what it has read ahead when its handlers take long', [
    'if (this.#giveBack() > 0 || wasAhead)',
    'if (wasAhead)',
  ]),
  mutant('read ahead as if its handlers were as fast as before', ['this.#pace.stalled();', '']),
  mutant('begin what comes after it has stopped', [
    'if (this.#stopped) this.#hands.release(held);\n      else this.#queue',
    'this.#queue',
  ]),
  mutant('leave without a word', [
    '    this.#ask(); // also',
    '    if (this.#hands.size === 0) this.#alarm?.cancel();\n    else this.#ask(); // also',
  ]),
  mutant('ask for more although it stops', ['if (this.#stopped) return 0;\n    const { slots }', 'const { slots }']),
  mutant('keep what its handlers run when the time is over', [
    '      each.abort(reason);\n      this.release(each);',
    '      each.abort(reason);',
  ]),
  mutant('let handlers go on when the time is over', [
    '      each.abort(reason);\n      this.release(each);',
    '      this.release(each);',
  ]),
  mutant('be done before everything is settled', [
    'return this.#hands.unsent === 0 && !this.#asking && !this.#scheduled;',
    'return true;',
  ]),
  mutant('be done before its handlers are', [
    'while (!(this.#isQuiet && this.inFlight === 0))',
    'while (!this.#isQuiet)',
  ]),
  mutant('rest although something may be held in its name', [' && this.#terms.former.length === 0;', ';']),
  mutant('run more than it has slots for', ['while (slots.free > 0)', 'while (slots.free >= 0)']),
  mutant('never give a slot back', ['this.#options.slots.give(this.fill);', '']),
  mutant('ignore that there is more', [
    'this.#isUnheard = work.more || work.deliveries.length >= room;',
    'this.#isUnheard = work.deliveries.length >= room;',
  ]),
  mutant('wait for the doorbell although it does not ring here', [
    'this.#isUnheard = work.more || work.deliveries.length >= room;',
    'this.#isUnheard = work.more;',
  ]),
  mutant('not go on when a slot of others is free', ['options.slots.onFree(this.fill);', '']),
  mutant('try again without a pause', [
    "await new Promise<void>((resolve) => this.#options.clock.after(pause, resolve, 'background'));",
    'void pause;',
  ]),
  mutant('tell that others had it, although only an answer was lost', [
    'if (mayBeDone) for (const each of this.#underway) each.again = true;',
    '',
  ]),
];
