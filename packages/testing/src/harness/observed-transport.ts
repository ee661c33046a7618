import type {
  Appended,
  Deliver,
  Durability,
  OutgoingDurableEvent,
  OutgoingEvent,
  OutgoingRequest,
  Receipt,
  Source,
  Transport,
  TransportFactory,
  TransportSubscription,
  Work,
  WorkRequest,
} from '@belfry/core';
import type { Activity } from './activity.js';
import { localName, opened, textOf } from './envelopes.js';
import type { Facts, Published } from './facts.js';
import type { Outlook } from './outlook.js';

export interface Observer {
  readonly namespace: string;
  readonly facts: Facts;
  readonly activity: Activity;
  readonly outlook: Outlook;
  /** Where to write down what was committed, unless somebody else does. */
  readonly commits: (readonly (readonly string[])[])[] | undefined;
}

/** Writes down what goes through a transport, and changes nothing of it. */
export const observed =
  (factory: TransportFactory, observer: Observer): TransportFactory =>
  (host) => {
    const inner = factory(host);
    return new ObservedTransport(inner, { ...observer, service: host.service, now: () => host.clock.now() });
  };

interface ObservedTransportOptions extends Observer {
  readonly service: string;
  readonly now: () => number;
}

class ObservedTransport implements Transport {
  readonly durable?: Durability;
  readonly #inner: Transport;
  readonly #options: ObservedTransportOptions;

  constructor(inner: Transport, options: ObservedTransportOptions) {
    this.#inner = inner;
    this.#options = options;
    if (inner.durable !== undefined) this.durable = this.#observedDurability(inner.durable);
  }

  get unsupported(): Transport['unsupported'] {
    return this.#inner.unsupported;
  }

  get resumedAt(): number {
    return this.#inner.resumedAt;
  }

  get open(): Transport['open'] {
    const open = this.#inner.open?.bind(this.#inner);
    return open && ((usages) => this.#call(open(usages)));
  }

  publish(event: OutgoingEvent): Promise<Receipt> {
    return this.#published(
      { ...event, body: textOf(event) },
      () => this.#inner.publish(event),
      (receipt) => receipt,
    );
  }

  publishBare(channel: string, payload: string): Promise<number> {
    const order = this.#options.facts.order();
    return this.#call(this.#inner.publishBare(channel, payload), (broadcast) => {
      const data = parsed(payload);
      const receipt = { broadcast, groups: {} };
      const attributes = { id: undefined, key: undefined, correlationId: undefined, causationId: undefined };
      const fact = { ...this.#happening(channel, channel), did: 'published' as const, data, ...attributes, receipt };
      this.#options.facts.add(fact as Published, order);
    });
  }

  ask(request: OutgoingRequest): void {
    const { facts, activity } = this.#options;
    let order: number | undefined;
    const encode = () => {
      const body = request.encode();
      const envelope = body === undefined ? undefined : opened(body);
      if (envelope === undefined || order !== undefined) return body;
      order = facts.order();
      const { type, data, id, partitionkey: key, correlationid: correlationId, causationid: causationId } = envelope;
      const happening = this.#happening(type, request.channel);
      facts.add({ ...happening, did: 'asked', data: data as never, id, key, correlationId, causationId }, order);
      return body;
    };
    const { channel, key, size } = request;
    activity.happen();
    this.#inner.ask({
      channel,
      key,
      size,
      encode,
      dealt: (to) => {
        activity.happen();
        request.dealt(to);
      },
      failed: (error) => {
        activity.happen();
        request.failed(error);
      },
    });
  }

  send(address: string, body: string): Promise<boolean> {
    return this.#call(this.#inner.send(address, body));
  }

  listening(addresses: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#call(this.#inner.listening(addresses));
  }

  async subscribe(source: Source, deliver: Deliver): Promise<TransportSubscription> {
    const { activity } = this.#options;
    const subscription = await this.#call(
      this.#inner.subscribe(source, (body, origin) => {
        activity.happen();
        deliver(body, origin);
      }),
    );
    return {
      end: () => this.#call(subscription.end()),
      ...(subscription.stepAside && { stepAside: (aside: boolean) => subscription.stepAside?.(aside) }),
    };
  }

  audience(channel: string): Promise<Receipt> {
    return this.#call(this.#inner.audience(channel));
  }

  bareAudience(channel: string): Promise<number> {
    return this.#call(this.#inner.bareAudience(channel));
  }

  get history(): Transport['history'] {
    const history = this.#inner.history?.bind(this.#inner);
    return history && ((channel, after, count) => this.#call(history(channel, after, count)));
  }

  close(): Promise<void> {
    return this.#call(this.#inner.close());
  }

  #observedDurability(inner: Durability): Durability {
    const { outlook, now } = this.#options;
    return {
      append: (event) => this.#append(inner, event),
      cancel: (channel, messageId) =>
        this.#call(inner.cancel(channel, messageId), (isCancelled) => {
          if (isCancelled) outlook.cancelled(channel, messageId);
        }),
      createGroup: (channel, ...rest) => {
        outlook.worksOn(channel);
        return this.#call(inner.createGroup(channel, ...rest));
      },
      work: (request) => this.#call(inner.work(request), (work) => this.#worked(request, work, now())),
      read: (...args) => this.#call(inner.read(...args)),
      tend: (...args) => this.#call(inner.tend(...args)),
      removeGroup: (...args) => this.#call(inner.removeGroup(...args)),
      deadLetters: (...args) => this.#call(inner.deadLetters(...args)),
      deadLetter: (...args) => this.#call(inner.deadLetter(...args)),
      replay: (...args) => this.#call(inner.replay(...args)),
      purge: (...args) => this.#call(inner.purge(...args)),
    };
  }

  #append(inner: Durability, event: OutgoingDurableEvent): Promise<Appended> {
    const { outlook, now } = this.#options;
    const append = async () => {
      const appended = await inner.append(event);
      if (!appended.duplicate) outlook.published(event, now());
      return appended;
    };
    const receiptOf = ({ broadcast, groups, entry, duplicate }: Appended): Receipt | undefined =>
      duplicate ? undefined : { broadcast, groups, id: event.messageId, ...(entry !== undefined && { entry }) };
    return this.#published(event, append, receiptOf);
  }

  #published<T>(
    { channel, body, key }: { readonly channel: string; readonly body: string; readonly key: string | undefined },
    publish: () => Promise<T>,
    receiptOf: (answer: T) => Receipt | undefined,
  ): Promise<T> {
    const { facts } = this.#options;
    const order = facts.order();
    return this.#call(publish(), (answer) => {
      const receipt = receiptOf(answer);
      const envelope = opened(body);
      if (receipt === undefined || envelope === undefined) return;
      const { type, data, id, correlationid: correlationId, causationid: causationId } = envelope;
      const happening = this.#happening(type, channel);
      facts.add(
        { ...happening, did: 'published', data, id, key, correlationId, causationId, receipt } as Published,
        order,
      );
    });
  }

  #worked({ channel, group, settlements }: WorkRequest, { refused, failed, deliveries }: Work, now: number): void {
    const { outlook, facts, commits } = this.#options;
    for (const settlement of settlements) {
      if (refused.includes(settlement.token) || failed.some(({ token }) => token === settlement.token)) continue;
      if (settlement.outcome === 'done' && settlement.commands !== undefined) commits?.push(settlement.commands);
      const settled = outlook.settled(channel, group, settlement, now);
      if (settlement.outcome !== 'dead' || settled === undefined) continue;
      const envelope = opened(settled.body);
      const happening = this.#happening(envelope?.type ?? localName(channel, this.#options.namespace), channel);
      const { attempt: attempts, body } = settled;
      const { reason } = settlement;
      const data = (envelope === undefined ? body : envelope.data) as never;
      facts.add({ ...happening, did: 'deadLettered', data, id: envelope?.id, group, attempts, reason });
    }
    for (const delivery of deliveries) outlook.delivered(channel, group, delivery);
  }

  #happening(type: string, channel: string) {
    const { service: by, now, namespace } = this.#options;
    return { type, channel: localName(channel, namespace), by, at: new Date(now()) };
  }

  /** Something goes on from the call on until it is answered, and because of the answer. */
  async #call<T>(calling: Promise<T>, answered?: (answer: T) => void): Promise<T> {
    const { activity } = this.#options;
    activity.happen();
    try {
      const answer = await calling;
      answered?.(answer);
      return answer;
    } finally {
      activity.happen();
    }
  }
}

/** A bare payload as its handlers see it: JSON where it is. */
function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return payload;
  }
}
