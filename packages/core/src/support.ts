import { type AnyContract, type AnyEvent, type AnyRequest, BelfryError } from '@belfry/contracts';
import { checkContract, checkRequest } from './checks.js';
import type { Transport, TransportFeature } from './transport.js';

/** Refuses what a transport cannot do, with the transport's own reason. */
export class Support {
  readonly #transport: Pick<Transport, 'unsupported'>;

  constructor(transport: Pick<Transport, 'unsupported'>) {
    this.#transport = transport;
  }

  /** @throws BelfryError `UNSUPPORTED`, which names the subject */
  require(feature: TransportFeature, subject: string): void {
    const reason = this.#transport.unsupported[feature];
    if (reason === undefined) return;
    throw new BelfryError('UNSUPPORTED', { message: `${subject}: this transport has no ${feature}.`, hint: reason });
  }

  /** @throws BelfryError `CONTRACT_INVALID` for anything but an event or a bare channel; `UNSUPPORTED` */
  checkContract(contract: unknown): asserts contract is AnyContract {
    checkContract(contract);
    if (contract.guarantee === 'durable') this.require('durable events', contract.name);
    if (contract.kind === 'channel') this.require('bare channels', contract.name);
  }

  /** @throws BelfryError `CONTRACT_INVALID` for anything that is in no log; `UNSUPPORTED` */
  checkDurable(contract: unknown): asserts contract is AnyEvent {
    this.checkContract(contract);
    if (contract.guarantee === 'durable') return;
    throw new BelfryError('CONTRACT_INVALID', {
      message: `${contract.name} is transient: it is in no log.`,
      hint: "Say guarantee: 'durable' in the contract.",
    });
  }

  /** @throws BelfryError `CONTRACT_INVALID` for anything but a request; `UNSUPPORTED` */
  checkRequest(contract: unknown): asserts contract is AnyRequest {
    checkRequest(contract);
    this.require('requests', contract.name);
  }
}
