import type { AnyRequest, BelfryError } from '@belfry/contracts';
import { type Answer, answerName } from './answer.js';
import type { Clock } from './clock.js';
import type { RequestContext } from './context.js';
import type { Letter } from './letter.js';
import type { Logger } from './logger.js';
import { Mailbox } from './mailbox.js';
import type { ResolvedBusOptions, ResolvedHandlingOptions } from './options.js';
import { Presence } from './presence.js';
import { RequestReceiver } from './request-receiver.js';
import type { RequestStats } from './requester.js';
import { Requests } from './requests.js';
import { Rivals } from './rivals.js';
import { StreamBudgets } from './stream-budget.js';
import type { Transport, TransportSubscription } from './transport.js';

export interface SwitchboardOptions {
  readonly bus: ResolvedBusOptions;
  readonly instance: string;
  readonly nextId: () => string;
  readonly transport: Transport;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Everything about requests that a bus has once: its mailbox, what it asks, what it answers, and who is still there. */
export class Switchboard {
  readonly #options: SwitchboardOptions;
  readonly #mailbox: Mailbox;
  readonly #requests: Requests;
  readonly #answers = new Map<string, Answer>();
  readonly #budgets = new StreamBudgets();
  readonly #receivers = new Set<RequestReceiver>();
  readonly #presence: Presence;
  readonly #rivals: Rivals;

  constructor(options: SwitchboardOptions) {
    this.#options = options;
    const { bus, instance, nextId, transport, logger, clock } = options;
    const { name, namespace, validate, maxMessageBytes, middleware } = bus;
    const source = `/${name}/${instance}`;
    const receive = (letter: Letter) => this.#receive(letter);
    this.#mailbox = new Mailbox({ transport, namespace, source, nextId, maxMessageBytes, receive, logger, clock });
    this.#requests = new Requests({
      transport,
      mailbox: this.#mailbox,
      channelOf: (contract) => this.channelOf(contract),
      source,
      nextId,
      validate,
      maxMessageBytes,
      middleware,
      clock,
      onBegin: () => this.#presence.watch(),
    });
    const watched = () => [...this.#requests.pending, ...this.#answers.values()];
    this.#presence = new Presence({ transport, watched, clock });
    this.#rivals = new Rivals({ transport, group: name, logger, clock });
  }

  get stats(): Readonly<RequestStats> {
    return this.#requests.stats;
  }

  /** On the wire: no event's channel contains a slash. */
  channelOf({ channel }: AnyRequest): string {
    return `${this.#options.bus.namespace}:${channel}/request`;
  }

  /** See {@link Requests.request}. */
  request(...args: Parameters<Requests['request']>): unknown {
    return this.#requests.request(...args);
  }

  /** Begins to answer. The place in the ring comes last, when everything else is ready for the first request. */
  async respond(
    contract: AnyRequest,
    handler: (input: unknown, context: RequestContext) => unknown,
    handling: ResolvedHandlingOptions,
  ): Promise<{ receiver: RequestReceiver; link: TransportSubscription }> {
    const { bus, transport, logger, clock } = this.#options;
    const channel = this.channelOf(contract);
    await Promise.all([this.#mailbox.open(), this.#rivals.refuse(channel)]);
    const { name: group, middleware, validate, maxMessageBytes, exposeErrors } = bus;
    const receiver = new RequestReceiver({
      contract,
      channel,
      group,
      handler,
      middleware,
      ...handling,
      maxMessageBytes,
      validate,
      exposeErrors,
      mailbox: this.#mailbox,
      budgets: this.#budgets,
      answers: this.#answers,
      onBegin: () => this.#presence.watch(),
      logger,
      clock,
    });
    this.#receivers.add(receiver);
    try {
      const place = await transport.subscribe({ kind: 'group', channel, group }, receiver.deliver);
      this.#rivals.watch(channel);
      const end = async (): Promise<void> => {
        this.#rivals.unwatch(channel);
        await place.end();
        await receiver.idle();
        this.#receivers.delete(receiver);
      };
      return { receiver, link: { end } };
    } catch (error) {
      this.#receivers.delete(receiver);
      throw error;
    }
  }

  /** Resolves once nobody waits for an answer. */
  idle(): Promise<void> {
    return this.#requests.idle();
  }

  /** Whoever still waits for an answer gets the error; nothing more is received. */
  async close(error: BelfryError): Promise<void> {
    this.#presence.stop();
    this.#requests.abandon(error);
    await this.#mailbox.close();
  }

  #receive(letter: Letter): void {
    const { kind, request, source } = letter;
    if (kind !== 'credit' && kind !== 'cancel') {
      this.#requests.receive(letter);
      return;
    }
    const answer = this.#answers.get(answerName(source, request)); // nothing, for somebody who has not asked
    if (kind === 'credit') answer?.credit(letter.data as number);
    else if (answer !== undefined) answer.cancel();
    else for (const receiver of this.#receivers) receiver.cancel(source, request);
  }
}
