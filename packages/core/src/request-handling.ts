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
import type { Failure } from './letter.js';
import type { Logger } from './logger.js';
import type { Mailbox } from './mailbox.js';
import { type Middleware, type RespondCall, runThrough } from './middleware.js';
import { jsonOf, placesOf } from './outgoing.js';

export interface RequestHandlingOptions {
  readonly contract: AnyRequest;
  readonly handler: (input: unknown, context: RequestContext) => unknown;
  readonly middleware: readonly Middleware[];
  readonly validate: { readonly publish: boolean; readonly receive: boolean };
  readonly exposeErrors: boolean;
  readonly mailbox: Mailbox;
  /** Something is on its way to the caller, and drain waits for it. */
  readonly track: (sending: Promise<boolean>) => void;
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

  /** Calls the handler, and writes what comes of it to the caller. Never rejects. */
  async run(answer: Answer, context: RequestContext, timeout: number): Promise<Outcome> {
    const { handler, middleware, contract, track } = this.#options;
    let stream: AnswerStream | undefined;
    try {
      const call: RespondCall = { side: 'respond', contract, data: context.data as unknown, context };
      const handle = async (): Promise<unknown> => {
        const answer = await handler(call.data, context);
        if (isRequestError(answer)) throw answer; // returned or thrown, it is the same to middleware
        return answer;
      };
      const result = middleware.length === 0 ? await handle() : await runThrough(middleware, call, handle);
      if (isAsyncIterable(result)) {
        stream = this.#stream(answer, result, timeout);
        answer.become(stream);
        await stream.run();
        if (stream.isStopped) answer.cancel();
        else if (stream.isLate) track(answer.fail(outOfTime, stream.written));
        else track(answer.write('end', undefined, stream.written));
      } else {
        const json = await this.#encode(result);
        if (!answer.isUnwanted) track(answer.write('reply', json));
      }
      return answer.isUnwanted ? 'cancelled' : 'handled';
    } catch (error) {
      return await this.#failed(error, answer, context, stream);
    }
  }

  #stream(answer: Answer, values: AsyncIterable<unknown>, timeout: number): AnswerStream {
    const { clock } = this.#options;
    return new AnswerStream({
      values,
      encode: (value) => this.#encode(value),
      write: (kind, dataJson, sequence) => answer.write(kind, dataJson, sequence),
      deadline: answer.deadline,
      timeout,
      clock,
    });
  }

  /** What goes to the caller: checked against the contract. */
  async #encode(output: unknown): Promise<string> {
    const { contract, mailbox } = this.#options;
    const validating = this.#options.validate.publish ? validate(contract.output, output) : asItIs(output);
    const validation = validating instanceof Promise ? await validating : validating;
    if (!validation.valid)
      throw new BelfryError('REPLY_INVALID', {
        message: `what the handler of ${contract.channel} answers does not fit its contract, at ${placesOf(validation.issues).join(', ')}.`,
        issues: validation.issues,
      });
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
    const { messageId: request, correlationId, source, type } = context;
    const written = stream?.written;
    if (answer.isUnwanted || answer.deadline.isOver || stream?.isLate) {
      const level = answer.isUnwanted || isEndOfTime(error, answer) ? 'debug' : 'warn';
      logger[level](
        { request: contract.channel, messageId: request, correlationId, source, err: error },
        `A handler of ${type} failed when nobody waited for it any more.`,
      );
      if (stream !== undefined && !answer.isUnwanted) track(answer.fail(outOfTime, written));
      return 'cancelled';
    }
    const failure = isRequestError(error) ? await this.#declared(error) : undefined;
    if (failure !== undefined) {
      track(answer.fail(failure, written));
      return 'handled';
    }
    const errorId = request;
    logger.error(
      { request: contract.channel, errorId, messageId: request, correlationId, source, err: error },
      `A handler of ${type} failed. Its caller gets HANDLER_FAILED with this errorId.`,
    );
    const detail = exposeErrors ? { detail: detailOf(error) } : {};
    track(answer.fail({ code: 'HANDLER_FAILED', errorId, ...detail }, written));
    return 'failed';
  }

  /** What travels of an error that the contract declares; `undefined` when it does not declare it, or its data cannot travel. */
  async #declared(error: RequestError): Promise<Failure | undefined> {
    const { contract } = this.#options;
    if (!contract.isError(error)) return undefined;
    const { code, data } = error;
    const schema = contract.errors[code];
    if (schema === null) return { code };
    const json = jsonOf(data);
    if (!(await validate(schema, data)).valid || json === undefined || this.#options.mailbox.tooLarge(json))
      return undefined;
    return { code, data };
  }
}

const asItIs = (value: unknown): Validation => ({ valid: true, value });

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof (value as Partial<AsyncIterable<unknown>> | null | undefined)?.[Symbol.asyncIterator] === 'function';

/** A stream that may have given up half way must not look complete. */
const outOfTime: Failure = { code: 'REQUEST_TIMEOUT' };

/** It says no more than that the time was over. */
const isEndOfTime = (error: unknown, { deadline }: Answer): boolean =>
  error === deadline.reason || (BelfryError.is(error) && /^REQUEST_(TIMEOUT|ABORTED)$/.test(error.code));

function detailOf(error: unknown): NonNullable<Failure['detail']> {
  if (!(error instanceof Error)) return { message: String(error) };
  return { message: error.message, ...(error.stack === undefined ? {} : { stack: error.stack }) };
}
