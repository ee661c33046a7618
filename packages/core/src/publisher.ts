import type { AnyContract, AnyEvent, EventInput } from '@belfry/contracts';
import type { PublishOptions } from './publication.js';
import type { Receipt } from './transport.js';

/**
 * Emits events: the half of a {@link Bus} that a handler class asks its container for.
 * A class, so that it is its own token: `constructor(@inject(Publisher) private readonly publisher: Publisher) {}`.
 */
export abstract class Publisher {
  /**
   * Publishes an event, or a payload on a bare channel. Validates it against the contract's schema first. Always settles.
   * A publish of one turn of the event loop travels together with the others of that turn on the same channel, in their order.
   * @returns who received it
   * @throws BelfryError `PAYLOAD_INVALID`, `PAYLOAD_TOO_LARGE`, `OPTION_INVALID`, `UNSUPPORTED`, `BUS_CLOSED`: not published;
   * `TRANSPORT_UNAVAILABLE`: the broker was away for longer than the bound, not delivered; `PUBLISH_REFUSED`: the broker said no;
   * `PUBLISH_UNCONFIRMED`: written, but the answer was lost: it may have been delivered. A durable event is appended before this resolves, and
   * what was not answered is sent again under its id; `STORAGE_FULL`: the broker has no memory left; `EVICTION_UNSAFE`: it would throw logs away
   */
  abstract publish<C extends AnyContract>(contract: C, data: EventInput<C>, options?: PublishOptions): Promise<Receipt>;

  /**
   * Calls a delayed durable event off, by the id that its receipt names. `false`: it is not delayed any more, or never was.
   * @throws BelfryError `CONTRACT_INVALID`, `UNSUPPORTED`, `BUS_CLOSED`, `TRANSPORT_UNAVAILABLE`, `PUBLISH_REFUSED`
   */
  abstract cancel(contract: AnyEvent, id: string): Promise<boolean>;
}
