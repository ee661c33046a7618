import { type AnyContract, type AnyEvent, BelfryError, type EventInput, validate } from '@belfry/contracts';
import type { Publisher, PublishOptions, Receipt } from '@belfry/core';
import type { Published } from '../harness/facts.js';
import { fits, type Where } from '../harness/where.js';

/** Takes the place of a {@link Publisher} in a unit test. Made by {@link fakePublisher}. */
export interface FakePublisher extends Publisher {
  /** Everything that was published and not called off, in order. */
  readonly facts: readonly Published[];
  /** What was published of a contract, in order. */
  published<C extends AnyContract>(contract: C, where?: Where<EventInput<C>>): Published<C>[];
  /** Rejects every publish from now on, as a bus does while Redis is away; without an error it takes them again. */
  failWith(error?: Error): void;
}

/**
 * A publisher that keeps what is published, for a unit test of one handler class without a container. Data are validated against the
 * contract and must be JSON, as on a bus.
 * ```ts
 * const publisher = fakePublisher();
 * await new Billing(publisher).charge({ orderId: 'o-1' });
 * expect(publisher.published(PaymentTaken)).toHaveLength(1);
 * ```
 */
export function fakePublisher(): FakePublisher {
  const facts: Published[] = [];
  let failure: Error | undefined;
  let count = 0;
  const of = <C extends AnyContract>(contract: C, where?: Where<EventInput<C>>) =>
    facts.filter((fact) => fact.channel === contract.channel && fits(fact.data, where)) as unknown as Published<C>[];
  return {
    facts,
    published: of,
    failWith: (error) => {
      failure = error;
    },
    async publish<C extends AnyContract>(
      contract: C,
      data: EventInput<C>,
      options: PublishOptions = {},
    ): Promise<Receipt> {
      if (failure !== undefined) throw failure;
      const travels = await checked(contract, data);
      const { id = `fake-${count++}`, key, correlationId } = options;
      const own = contract.kind === 'event' ? contract.key?.(data as never) : undefined;
      const receipt: Receipt = { broadcast: 0, groups: {}, ...(contract.guarantee === 'durable' && { id }) };
      facts.push({
        did: 'published',
        type: contract.name,
        channel: contract.channel,
        by: 'test',
        at: new Date(),
        data: travels as never,
        id,
        key: key ?? own,
        correlationId,
        causationId: undefined,
        receipt,
      });
      return receipt;
    },
    async cancel(contract: AnyEvent, id: string): Promise<boolean> {
      const place = facts.findIndex((fact) => fact.id === id && fact.channel === contract.channel);
      return place >= 0 && facts.splice(place, 1).length > 0;
    },
  };
}

async function checked({ name, schema }: AnyContract, data: unknown): Promise<unknown> {
  const validation = schema === undefined ? undefined : await validate(schema, data);
  if (validation?.valid === false) {
    const { issues } = validation;
    const found = issues.map(({ path = '(the whole)', message }) => `${path}: ${message}`).join('; ');
    throw new BelfryError('PAYLOAD_INVALID', {
      message: `the data of ${name} do not fit its schema: ${found}.`,
      issues,
    });
  }
  return data === undefined ? undefined : JSON.parse(JSON.stringify(data));
}
