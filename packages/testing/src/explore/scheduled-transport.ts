import {
  type Deliver,
  type Delivery,
  type Durability,
  DOORBELL,
  type OutgoingEvent,
  type OutgoingRequest,
  type Receipt,
  type Settlement,
  type Source,
  type Transport,
  type TransportSubscription,
  type Work,
  type WorkRequest,
} from '@belfry/core';
import { localName, summaryOf, textOf } from '../harness/envelopes.js';
import { Line, type Participant } from './participant.js';
import type { Schedule } from './schedule.js';

/** Between a bus and the memory transport: what the bus sends and receives waits until the schedule lets it through, or does not. */
export class ScheduledTransport implements Transport {
  readonly durable: Durability;
  readonly #inner: Transport;
  readonly #me: Participant;
  readonly #schedule: Schedule;
  /** What it has in hand, by token. */
  readonly #hands = new Map<number, Delivery>();

  constructor(inner: Transport, me: Participant, schedule: Schedule) {
    this.#inner = inner;
    this.#me = me;
    this.#schedule = schedule;
    const { durable } = inner;
    this.durable = {
      ...boundTo(durable!),
      append: (event) => {
        const { channel, body, delay } = event;
        const what = `publishes ${summaryOf(body, channel)}${delay === undefined ? '' : `, delayed by ${delay} ms`}`;
        schedule.knowsLog(channel);
        return this.#send(what, () => durable!.append(event));
      },
      createGroup: (channel, ...rest) => {
        schedule.knowsLog(channel);
        return durable!.createGroup(channel, ...rest);
      },
      work: (request) => this.#work(durable!, request),
    };
  }

  get unsupported(): Transport['unsupported'] {
    return this.#inner.unsupported;
  }

  readonly resumedAt = Number.NEGATIVE_INFINITY;

  publish(event: OutgoingEvent): Promise<Receipt> {
    return this.#send(`publishes ${summaryOf(textOf(event), event.channel)}`, () => this.#inner.publish(event));
  }

  publishBare(channel: string, payload: string): Promise<number> {
    return this.#send(`publishes ${summaryOf(payload, channel)}`, () => this.#inner.publishBare(channel, payload));
  }

  ask(request: OutgoingRequest): void {
    const { channel, key, size } = request;
    const unlessGone =
      <T>(tell: (what: T) => void) =>
      (what: T) => {
        if (!this.#me.isGone) tell(what);
      };
    const dealt = unlessGone((to: string | undefined) => request.dealt(to));
    const failed = unlessGone((error: Error) => request.failed(error));
    const encode = () => request.encode();
    const what = `asks ${localName(channel, this.#schedule.namespace)}`;
    void this.#send(what, async () => this.#inner.ask({ channel, key, size, encode, dealt, failed }));
  }

  send(address: string, body: string): Promise<boolean> {
    return this.#send(undefined, () => this.#inner.send(address, body));
  }

  listening(addresses: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#inner.listening(addresses);
  }

  async subscribe(source: Source, deliver: Deliver): Promise<TransportSubscription> {
    const line = new Line();
    this.#me.lines.add(line);
    const receive: Deliver = (body, origin) => {
      if (!this.#me.isGone) this.#schedule.arrives(line, this.#me, { source, body, origin, deliver });
    };
    const subscription = await this.#inner.subscribe(source, receive);
    return {
      end: async () => {
        await subscription.end();
        // What had been taken on for this subscription is delivered by then.
        for (const move of line.moves.splice(0)) move.make();
        this.#me.lines.delete(line);
      },
      stepAside: (aside) => subscription.stepAside?.(aside),
    };
  }

  history(...args: Parameters<NonNullable<Transport['history']>>) {
    return this.#inner.history!(...args);
  }

  audience(channel: string): Promise<Receipt> {
    return this.#inner.audience(channel);
  }

  bareAudience(channel: string): Promise<number> {
    return this.#inner.bareAudience(channel);
  }

  close(): Promise<void> {
    return this.#send(undefined, () => this.#inner.close());
  }

  #send<T>(what: string | undefined, call: () => Promise<T>): Promise<T> {
    return this.#schedule.sends(this.#me, what, call);
  }

  #work(inner: Durability, request: WorkRequest): Promise<Work> {
    const { channel, settlements } = request;
    const settled = settlements.flatMap(({ token, outcome }) => {
      const body = this.#hands.get(token)?.body;
      return body === undefined ? [] : [`${words[outcome]} ${summaryOf(body, channel)}`];
    });
    const what = settled.length === 0 ? undefined : settled.join(', ');
    return this.#schedule.sends(this.#me, what, async () => {
      const late = settlements.filter(({ outcome }) => outcome === 'done' && this.#schedule.comesTooLate(this.#me));
      const again = ({ id, token }: Settlement): Settlement => ({ id, token, outcome: 'retry', delay: 0 });
      const sent = settlements.map((settlement) => (late.includes(settlement) ? again(settlement) : settlement));
      const work = await inner.work({ ...request, settlements: sent });
      for (const { token } of late) {
        const body = this.#hands.get(token)?.body ?? '';
        this.#schedule.note(`!! that comes too late: ${summaryOf(body, channel)} belongs to somebody else by now`);
      }
      for (const { token } of settlements) this.#hands.delete(token);
      for (const delivery of work.deliveries) {
        this.#hands.set(delivery.token, delivery);
        const attempt = delivery.attempt > 1 ? `, attempt ${delivery.attempt}` : '';
        this.#schedule.note(`${this.#me.name} is given ${summaryOf(delivery.body, channel)}${attempt}`);
      }
      return late.length === 0 ? work : { ...work, refused: [...work.refused, ...late.map(({ token }) => token)] };
    });
  }
}

const words: Record<Settlement['outcome'], string> = {
  done: 'acknowledges',
  retry: 'puts off',
  dead: 'gives up',
  release: 'hands over',
};

/** What is not scheduled: it has no effect on others. */
const boundTo = (inner: Durability): Durability => ({
  append: (...args) => inner.append(...args),
  cancel: (...args) => inner.cancel(...args),
  createGroup: (...args) => inner.createGroup(...args),
  work: (...args) => inner.work(...args),
  read: (...args) => inner.read(...args),
  tend: (...args) => inner.tend(...args),
  removeGroup: (...args) => inner.removeGroup(...args),
  deadLetters: (...args) => inner.deadLetters(...args),
  deadLetter: (...args) => inner.deadLetter(...args),
  replay: (...args) => inner.replay(...args),
  purge: (...args) => inner.purge(...args),
});

/** Whether it is a doorbell, which says nothing. */
export const isDoorbell = (body: string): boolean => body === DOORBELL;
