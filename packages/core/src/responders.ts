import { type AnyRequest, BelfryError } from '@belfry/contracts';
import type { HandlingOptions, Responder } from './bus.js';
import type { RequestContext } from './context.js';
import { resolveRespondOptions } from './options.js';
import type { RequestReceiver } from './request-receiver.js';
import { type Receiving, Running } from './running.js';
import type { Switchboard } from './switchboard.js';

/** The responders of one bus, at most one for each request. */
export class Responders {
  readonly #name: string;
  readonly #switchboard: Pick<Switchboard, 'respond'>;
  readonly #running = new Running<RequestReceiver, Pick<Responder, 'request'>>();
  /** The channels of the requests that are answered. */
  readonly #channels = new Set<string>();

  constructor(name: string, switchboard: Pick<Switchboard, 'respond'>) {
    this.#name = name;
    this.#switchboard = switchboard;
  }

  get handles(): readonly Responder[] {
    return this.#running.handles;
  }

  get receivers(): readonly Receiving[] {
    return this.#running.receivers;
  }

  /**
   * Begins to answer. Resolves once the broker has confirmed it.
   * @param refusal says why it must not be any more, when it has become so meanwhile
   */
  async add(
    contract: AnyRequest,
    handler: (input: unknown, context: RequestContext) => unknown,
    options: HandlingOptions,
    refusal: () => Error | undefined,
  ): Promise<Responder> {
    const { channel } = contract;
    const handling = resolveRespondOptions(channel, options);
    if (this.#channels.has(channel)) throw respondsAlready(this.#name, channel);
    this.#channels.add(channel);
    try {
      const { receiver, link } = await this.#switchboard.respond(contract, handler, handling);
      const late = refusal();
      if (late !== undefined) {
        await link.end();
        throw late;
      }
      return this.#running.add(receiver, { request: channel }, [link], () => this.#channels.delete(channel));
    } catch (error) {
      this.#channels.delete(channel);
      throw error;
    }
  }
}

const respondsAlready = (name: string, channel: string): BelfryError =>
  new BelfryError('DUPLICATE_HANDLER', {
    message: `${name} already responds to ${channel}; a second handler would take half of its requests away.`,
    hint: 'Answer in one handler; for more at a time raise concurrency, or add instances.',
  });
