import {
  type AnyRequest,
  BelfryError,
  isRequestError,
  type RequestError,
  type Validation,
  validate,
} from '@belfry/contracts';
import type { Answer } from './answer.js';
import { AnswerStream } from './answer-stream.js';
import type { Clock } from './clock.js';
import type { RequestContext } from './context.js';
import { isPromiseLike } from './event-handling.js';
import type { Failure } from './letter.js';
import type { Logger } from './logger.js';
import type { Mailbox } from './mailbox.js';
import { type Middleware, type RespondCall, runThrough } from './middleware.js';
import { idsOf, jsonOf, placesOf } from './outgoing.js';
import type { StreamBudgets } from './stream-budget.js';

export interface RequestHandlingOptions {
  readonly contract: AnyRequest;
  readonly handler: (input: unknown, context: RequestContext) => unknown;
  readonly middleware: readonly Middleware[];
  readonly validate: { readonly publish: boolean; readonly receive: boolean };
  readonly exposeErrors: boolean;
  readonly mailbox: Mailbox;
  readonly budgets: StreamBudgets;
  /** Something is on its way to the caller, and drain waits for it, until what this returns is called. */
  readonly track: () => () => void;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** As the stats of a responder count it. */
export type Outcome = 'handled' | 'failed' | 'cancelled';

/** From a request that was read to the letters that answer it: the handler, and what its end means for the caller. */
export class RequestHandling {
  readonly #options: RequestHandlingOptions;

  constructor(options: RequestHandlingOptions) {
    this.#options = options;
  }

  /** Calls the handler, and writes what comes of it to the caller. Neither throws nor rejects. Done at once where nothing has to be waited for. */
  run(answer: Answer, context: RequestContext, timeout: number): Outcome | Promise<Outcome> {
    try {
      const given = this.#call(context);
      if (isPromiseLike(given)) return this.#eventually(answer, given, context, timeout);
      const outcome = this.#answer(answer, given, context, timeout);
      return typeof outcome === 'string' ? outcome : outcome.catch((error) => this.#failed(error, answer, context));
    } catch (error) {
      return this.#failed(error, answer, context);
    }
  }

  async #eventually(
    answer: Answer,
    given: PromiseLike<unknown>,
    context: RequestContext,
    timeout: number,
  ): Promise<Outcome> {
    try {
      const outcome = this.#answer(answer, await given, context, timeout);
      return typeof outcome === 'string' ? outcome : await outcome;
    } catch (error) {
      return this.#failed(error, answer, context);
    }
  }

  #call(context: RequestContext): unknown {
    const { handler, middleware, contract } = this.#options;
    if (middleware.length === 0) return handler(context.data, context);
    const call: RespondCall = { side: 'respond', contract, data: context.data as unknown, context };
    return runThrough(middleware, call, async () => orThrow(await handler(call.data, context)));
  }

  /** Throws or rejects when that is no answer. */
  #answer(answer: Answer, result: unknown, context: RequestContext, timeout: number): Outcome | Promise<Outcome> {
    const { contract } = this.#options;
    if (isRequestError(result)) throw result;
    if (isAsyncIterable(result)) return this.#answerMany(answer, result, context, timeout);
    if (contract.stream) throw noStream(contract, result);
    const encoding = this.#encode(result);
    if (typeof encoding === 'string') return this.#reply(answer, encoding);
    return encoding.then((json) => this.#reply(answer, json));
  }

  #reply(answer: Answer, json: string): Outcome {
    if (answer.isUnwanted) return 'cancelled';
    answer.write('reply', json, undefined, this.#options.track());
    return 'handled';
  }

  async #answerMany(
    answer: Answer,
    values: AsyncIterable<unknown>,
    context: RequestContext,
    timeout: number,
  ): Promise<Outcome> {
    const { budgets, track } = this.#options;
    let stream: AnswerStream | undefined;
    try {
      stream = this.#stream(answer, values, timeout);
      answer.become(stream);
      await stream.run().finally(() => budgets.close(answer.caller));
    } catch (error) {
      return this.#failed(error, answer, context, stream);
    }
    if (stream.isStopped) answer.cancel();
    else if (stream.isLate) answer.fail(outOfTime, stream.written, track());
    else answer.write('end', undefined, stream.written, track());
    return answer.isUnwanted ? 'cancelled' : 'handled';
  }

  #stream(answer: Answer, values: AsyncIterable<unknown>, timeout: number): AnswerStream {
    const { budgets, clock } = this.#options;
    return new AnswerStream({
      values,
      encode: (value) => this.#encode(value),
      write: (kind, dataJson, sequence) => new Promise((done) => answer.write(kind, dataJson, sequence, done)),
      deadline: answer.deadline,
      timeout,
      budget: budgets.open(answer.caller),
      clock,
    });
  }

  /** What goes to the caller: checked against the contract. */
  #encode(given: unknown): string | Promise<string> {
    if (!this.#options.validate.publish) return this.#toJson(given);
    const output = given === undefined ? null : given; // a handler that returns nothing says null
    const validation = validate(this.#options.contract.output, output);
    return validation instanceof Promise
      ? validation.then((done) => this.#checked(done, given, output))
      : this.#checked(validation, given, output);
  }

  #checked(validation: Validation, given: unknown, output: unknown): string {
    if (validation.valid) return this.#toJson(output);
    throw new BelfryError('REPLY_INVALID', {
      message: `what the handler of ${this.#options.contract.channel} answers does not fit its contract, at ${placesOf(validation.issues).join(', ')}.`,
      issues: validation.issues,
      ...adviceOn(given),
    });
  }

  #toJson(output: unknown): string {
    const { contract, mailbox } = this.#options;
    const json = jsonOf(output);
    if (json === undefined)
      throw new BelfryError('REPLY_INVALID', {
        message: `what the handler of ${contract.channel} answers cannot be written as JSON.`,
        hint: 'For nothing at all there is null.',
      });
    if (mailbox.tooLarge(json))
      throw new BelfryError('PAYLOAD_TOO_LARGE', {
        message: `what the handler of ${contract.channel} answers is larger than maxMessageBytes.`,
        hint: 'Answer with a stream of smaller parts, or raise maxMessageBytes on both sides.',
      });
    return json;
  }

  async #failed(error: unknown, answer: Answer, context: RequestContext, stream?: AnswerStream): Promise<Outcome> {
    const { contract, logger, exposeErrors, track } = this.#options;
    const { messageId: request, source, type } = context;
    const written = stream?.written;
    if (answer.isUnwanted || answer.deadline.isOver || stream?.isLate) {
      const level = answer.isUnwanted || isEndOfTime(error, answer) ? 'debug' : 'warn';
      logger[level](
        { request: contract.channel, ...idsOf(context), source, err: error },
        `A handler of ${type} failed when nobody waited for it any more.`,
      );
      if (stream !== undefined && !answer.isUnwanted) answer.fail(outOfTime, written, track());
      return 'cancelled';
    }
    const declared = isRequestError(error) ? await this.#declared(error) : 'it threw';
    if (typeof declared !== 'string') {
      answer.fail(declared, written, track());
      return 'handled';
    }
    const errorId = request;
    logger.error(
      { request: contract.channel, errorId, ...idsOf(context), source, err: error },
      `A handler of ${type} failed: ${declared}. Its caller gets HANDLER_FAILED with this errorId.`,
    );
    const detail = exposeErrors ? { detail: detailOf(error) } : {};
    answer.fail({ code: 'HANDLER_FAILED', errorId, ...detail }, written, track());
    return 'failed';
  }

  /** What travels of an error that the contract declares; else, why it cannot travel. */
  async #declared(error: RequestError): Promise<Failure | string> {
    const { contract, mailbox } = this.#options;
    const { code, data, request } = error;
    if (!contract.isError(error))
      return `it threw ${code} of ${request}, which ${contract.channel} does not declare; catch it, or declare it`;
    const schema = contract.errors[code];
    if (schema === null) return { code };
    const validation = await validate(schema, data);
    const json = jsonOf(data);
    if (!validation.valid)
      return `it threw ${code}, whose data do not fit their schema, at ${placesOf(validation.issues)}`;
    if (json === undefined || mailbox.tooLarge(json)) return `it threw ${code}, whose data cannot travel`;
    return { code, data };
  }
}

/** What is most often meant. */
function adviceOn(output: unknown): { hint?: string; cause?: unknown } {
  if (output === undefined) return { hint: 'It returned undefined: is a return missing?' };
  if (output instanceof Error) return { hint: 'It returned an Error: throw it.', cause: output };
  return {};
}

const noStream = ({ channel }: AnyRequest, result: unknown): BelfryError =>
  new BelfryError('REPLY_INVALID', {
    message: `the contract of ${channel} says stream: true, but its handler returned ${Array.isArray(result) ? 'an array' : typeof result}.`,
    hint: 'Make the handler an async generator: async *list() { yield … }.',
  });

/** An error that was returned is one that was thrown: it is the same to middleware. */
function orThrow(answer: unknown): unknown {
  if (isRequestError(answer)) throw answer;
  return answer;
}

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof (value as Partial<AsyncIterable<unknown>> | null | undefined)?.[Symbol.asyncIterator] === 'function';

/** A stream that may have given up half way must not look complete. */
const outOfTime: Failure = { code: 'REQUEST_TIMEOUT' };

/** It says no more than that the time was over. */
const isEndOfTime = (error: unknown, { deadline }: Answer): boolean =>
  error === deadline.reason || (BelfryError.is(error) && /^REQUEST_(TIMEOUT|ABORTED)$/.test(error.code));

function detailOf(error: unknown): NonNullable<Failure['detail']> {
  try {
    if (!(error instanceof Error)) return { message: String(error) };
    return { message: String(error.message), ...(typeof error.stack === 'string' ? { stack: error.stack } : {}) };
  } catch {
    return { message: 'What was thrown cannot be read.' };
  }
}
