import { BelfryError } from '@belfry/contracts';
import type { Clock } from '../../src/clock.js';
import type { Held } from '../../src/durable/held.js';
import type { Outcome } from '../../src/durable/outcome.js';
import type { Exploration } from './exploration.js';
import type { Out } from './ledger.js';

/** So often something is tried. */
const MAX_ATTEMPTS = 4;
const DEAD = { outcome: 'dead', reason: { code: 'FAILED', message: 'as the seed says' } } as const;

/** How handlers behave. */
export interface Mood {
  /** How likely they succeed. */
  success: number;
  /** Most of them take no longer, in milliseconds. */
  brief: number;
}

export interface HandlersOptions {
  readonly exploration: Exploration;
  readonly name: string;
  readonly slots: number;
  readonly mood: Mood;
  readonly clock: Clock;
}

/** The handlers of one instance. A seed decides how long each of them takes, how it ends, and whether it commits. */
export class Handlers {
  /** Its signals are aborted, and whatever it commits comes too late. */
  isOver = false;
  /** Handlers that run. */
  running = 0;
  /** When the last one began, or came to its end. */
  movedAt = 0;
  readonly #options: HandlersOptions;

  constructor(options: HandlersOptions) {
    this.#options = options;
  }

  run(held: Held, out: Out | undefined): Outcome | Promise<Outcome> {
    const { exploration, name, slots, clock } = this.#options;
    this.movedAt = exploration.time;
    if (++this.running > slots) exploration.blame(`${name} runs ${this.running} handlers`);
    const outcome = this.#outcomeOf(held);
    const end = (): Outcome => {
      exploration.note(`${name} ends token ${held.token}: ${outcome.outcome}`);
      this.running--;
      this.movedAt = exploration.time;
      if (out !== undefined) out.outcome = outcome;
      return outcome;
    };
    if (held.attempt > MAX_ATTEMPTS || exploration.chance(0.15)) return end();
    if (exploration.chance(0.5)) held.signal.addEventListener('abort', () => exploration.stir()); // others never look at it
    return new Promise((resolve) => {
      const finish = async () => {
        if (out !== undefined && exploration.chance(0.3)) {
          const committed = this.#commit(out, held);
          if (exploration.chance(0.7)) await committed;
        }
        resolve(end());
      };
      if (exploration.chance(0.2)) void Promise.resolve().then(finish);
      else clock.after(this.#duration(), () => void finish());
    });
  }

  async #commit(out: Out, held: Held): Promise<void> {
    const { exploration, name } = this.#options;
    const { life, token } = out;
    const isFine = exploration.chance(0.8);
    exploration.note(`${name} commits token ${token}`);
    out.isCommitting = true;
    try {
      await held.commit([isFine ? ['COUNT', String(life.n)] : ['REFUSED']], undefined);
      if (life.end !== 'done') exploration.blame(`a commit of token ${token} was confirmed, but not made`);
    } catch (error) {
      const code = BelfryError.is(error) ? error.code : String(error);
      exploration.note(`${name} cannot commit token ${token}: ${code}`);
      const fits = code === 'COMMIT_REFUSED' ? !isFine : code === 'CLAIM_LOST' && (out.state !== 'held' || this.isOver);
      if (!fits) exploration.blame(`a commit of token ${token} says ${code}`);
    }
    out.isCommitting = false;
  }

  #outcomeOf({ attempt }: Held): Outcome {
    const { exploration, mood } = this.#options;
    if (attempt > MAX_ATTEMPTS) return DEAD;
    if (exploration.chance(mood.success)) return { outcome: 'done' };
    if (attempt === MAX_ATTEMPTS || exploration.chance(0.1)) return DEAD;
    return { outcome: 'retry', delay: exploration.chance(0.2) ? 0 : exploration.below(2000) };
  }

  #duration(): number {
    const { exploration, mood } = this.#options;
    if (exploration.chance(0.08)) return exploration.below(mood.brief * 40);
    if (exploration.chance(0.04)) return exploration.below(mood.brief * 400);
    return exploration.below(mood.brief);
  }
}
