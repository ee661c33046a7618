import { type AnyContract, BelfryError, type EventContract, type Validation, validate } from '@belfry/contracts';
import { type Clock, dateOn } from '../clock.js';
import type { Command, Commit, MessageContext } from '../context.js';
import { callHandler, contextOf, isPromiseLike, noCommit, type Opened, openEnvelope } from '../event-handling.js';
import type { Logger } from '../logger.js';
import type { Middleware } from '../middleware.js';
import { bytesOver, idsOf, placesOf } from '../outgoing.js';
import type { Rejection, Rejections, RejectReason } from '../rejections.js';
import type { DurableStats, SubscriptionStats } from '../subscription-stats.js';
import type { LogEntry } from './durability.js';
import { pauseAfter, type RetryPolicy } from './retry.js';
import type { Held } from './held.js';
import type { Outcome } from './outcome.js';

/** An entry to be handled: in a group, one that is held. */
export interface Attempt extends Pick<LogEntry, 'id' | 'body' | 'key'> {
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly commit?: Held['commit'];
}

export interface AttemptsOptions {
  /** For logs. */
  readonly title: string;
  readonly contract: EventContract;
  readonly channel: string;
  readonly group: string | undefined;
  readonly handler: (data: unknown, context: MessageContext) => unknown;
  readonly middleware: readonly Middleware[];
  readonly retry: RetryPolicy;
  /** For so long a completed message is remembered, in milliseconds. */
  readonly once: number | undefined;
  readonly maxMessageBytes: number;
  readonly validate: boolean;
  /** Why the transport cannot commit; absent where it can. */
  readonly noCommits: string | undefined;
  readonly stats: SubscriptionStats & { readonly durable: DurableStats };
  readonly rejections: Rejections;
  readonly logger: Logger;
  readonly clock: Clock;
}

const codeOf: Record<RejectReason, string> = {
  unreadable: 'ENVELOPE_INVALID',
  wrongContract: 'ENVELOPE_INVALID',
  tooLarge: 'PAYLOAD_TOO_LARGE',
  invalid: 'PAYLOAD_INVALID',
};

/** What is kept of an error's message with a dead letter, in characters. */
const MESSAGE_LIMIT = 1000;

/** Handles one entry after the other, and says of each attempt what is to become of the entry. */
export class Attempts {
  readonly #options: AttemptsOptions;

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  /** Never throws or rejects. */
  readonly run = (attempt: Attempt): Outcome | Promise<Outcome> => {
    const { stats, retry, contract, maxMessageBytes, validate: check } = this.#options;
    stats.received++;
    if (attempt.attempt > retry.attempts) return this.#crashed(attempt);
    if (bytesOver(maxMessageBytes, attempt.body) !== undefined)
      return this.#reject({ reason: 'tooLarge', message: `It is larger than ${maxMessageBytes} bytes.` });
    const opened = openEnvelope(attempt.body, contract);
    if (opened.reason !== undefined) return this.#reject(opened);
    const start = (data: unknown) => this.#handle(attempt, opened, data);
    if (!check) return start(opened.envelope.data);
    const judge = (validation: Validation): Outcome | Promise<Outcome> => {
      if (validation.valid) return start(validation.value);
      const places = placesOf(validation.issues);
      const message = 'Its data do not fit the schema.';
      const found = validation.issues.map(({ path = '(the whole)', message }) => `${path}: ${message}`).join('; ');
      return this.#reject({ reason: 'invalid', message, envelope: opened.envelope, places }, `${message} ${found}`);
    };
    const validation = validate(contract.schema, opened.envelope.data);
    return validation instanceof Promise ? validation.then(judge) : judge(validation);
  };

  #handle(attempt: Attempt, opened: Extract<Opened, { version: string }>, data: unknown): Outcome | Promise<Outcome> {
    const { contract, channel, group, handler, middleware, stats, once, clock } = this.#options;
    const { id: messageId } = opened.envelope;
    const mark = once === undefined ? undefined : { messageId, window: once };
    const state = { committed: false };
    const commit = attempt.commit === undefined ? noCommit : this.#committer(attempt.commit.bind(attempt), mark, state);
    const context = contextOf(opened, data, {
      channel,
      group,
      attempt: attempt.attempt,
      commit,
      now: dateOn(clock),
      signal: () => attempt.signal,
    });
    const done = (): Outcome => {
      stats.handled++;
      return { outcome: 'done', once: mark };
    };
    const failed = (error: unknown) => this.#failed(error, attempt, context, state.committed);
    try {
      const result = callHandler(handler, middleware, contract as AnyContract, context);
      return isPromiseLike(result) ? Promise.resolve(result).then(done, failed) : done();
    } catch (error) {
      return failed(error);
    }
  }

  #committer(
    commit: Held['commit'],
    mark: { messageId: string; window: number } | undefined,
    state: { committed: boolean },
  ): Commit {
    const { noCommits } = this.#options;
    return async (...commands) => {
      if (noCommits !== undefined)
        throw new BelfryError('UNSUPPORTED', { message: 'this transport has no commits.', hint: noCommits });
      await commit(commands.map(asTexts), mark);
      state.committed = true;
    };
  }

  #failed(error: unknown, { attempt }: Attempt, context: MessageContext, committed: boolean): Outcome {
    const { stats, retry, logger, group } = this.#options;
    const { type } = context;
    const fields = { ...this.#fields, ...idsOf(context), attempt, attempts: retry.attempts, err: error };
    stats.failed++;
    if (committed) {
      logger.error(
        fields,
        `A handler of ${type} threw after its commit. The event is acknowledged and not tried again.`,
      );
      return { outcome: 'done' };
    }
    const delay = delayOf(error) ?? pauseAfter(attempt, retry);
    if (BelfryError.is(error) && error.code === 'CLAIM_LOST') {
      logger.warn(fields, `A handler of ${type} has ended: the event belongs to another instance by now.`);
      return { outcome: 'retry', delay }; // nobody asks any more
    }
    if (attempt < retry.attempts && !isFinal(error)) {
      stats.durable.retried++;
      logger.warn({ ...fields, retryInMs: delay }, `A handler of ${type} threw. The event is tried again.`);
      return { outcome: 'retry', delay };
    }
    stats.durable.deadLettered++;
    const end =
      group === undefined ? 'It is given up: a broadcast has no dead letters.' : 'It goes to the dead letters.';
    logger.error(fields, `A handler of ${type} threw in attempt ${attempt} of ${retry.attempts}. ${end}`);
    return { outcome: 'dead', reason: reasonOf(error) };
  }

  #reject(rejection: Omit<Rejection, 'channel'>, message = rejection.message): Outcome {
    const { rejections, channel, stats } = this.#options;
    rejections.add({ ...rejection, channel });
    stats.durable.deadLettered++;
    return { outcome: 'dead', reason: { code: codeOf[rejection.reason], message: message.slice(0, MESSAGE_LIMIT) } };
  }

  #crashed({ attempt }: Attempt): Outcome {
    const { stats, retry, logger } = this.#options;
    stats.failed++;
    stats.durable.deadLettered++;
    const message = `The last of ${attempt - 1} attempts did not come to its end: the instance that made it died, stalled, or lost its connection.`;
    logger.error({ ...this.#fields, attempts: retry.attempts }, `${message} The event goes to the dead letters.`);
    return { outcome: 'dead', reason: { code: 'HANDLER_CRASHED', message } };
  }

  get #fields(): object {
    const { title, channel, group } = this.#options;
    return { subscription: title, channel, group };
  }
}

/** What a handler throws says of itself; errors of another copy of the contracts package do so too. */
const isFinal = (error: unknown): boolean => property(error, 'retryable') === false;

function delayOf(error: unknown): number | undefined {
  const delay = property(error, 'retryDelay');
  return typeof delay === 'number' && delay >= 0 && delay < Number.POSITIVE_INFINITY ? delay : undefined;
}

function property(of: unknown, name: string): unknown {
  try {
    return typeof of === 'object' && of !== null ? (of as Record<string, unknown>)[name] : undefined;
  } catch {
    return undefined; // a proxy, whose traps throw
  }
}

function reasonOf(error: unknown): { code: string; message: string } {
  const code = BelfryError.is(error) ? error.code : 'HANDLER_FAILED';
  let message: string;
  try {
    message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    message = 'What the handler threw cannot be written down.';
  }
  return { code, message: message.slice(0, MESSAGE_LIMIT) };
}

/** @throws BelfryError `OPTION_INVALID` */
function asTexts(command: Command): string[] {
  const fits =
    Array.isArray(command) &&
    command.length > 0 &&
    command.every((part: unknown) => typeof part === 'string' || (typeof part === 'number' && Number.isFinite(part)));
  if (fits) return command.map(String);
  throw new BelfryError('OPTION_INVALID', {
    message: 'commit() takes commands: lists of texts and finite numbers, the first of them the name.',
    hint: "For example commit(['HINCRBY', 'counts', 'ORD', 1]).",
  });
}
