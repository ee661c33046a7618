import { ContainerModule, inject, injectable, Logger, MessageScoped, Publisher, Subscribe } from 'belfry';
import { OrderPlaced, OrderShipped } from './messages.js';

// #region injection
/** What stands between this service and the carriers. */
export abstract class Carriers {
  abstract book(orderId: string): Promise<string>;
}

export class Shipping {
  constructor(
    @inject(Carriers) private readonly carriers: Carriers,
    @inject(Publisher) private readonly publisher: Publisher,
    @inject(Logger) private readonly logger: Logger,
  ) {}

  @Subscribe(OrderPlaced)
  async ship({ orderId }: OrderPlaced) {
    const carrier = await this.carriers.book(orderId);
    this.logger.info({ carrier }, 'booked'); // with messageId and correlationId
    await this.publisher.publish(OrderShipped, { orderId, carrier });
  }
}

export const carriers = new ContainerModule(({ bind }) => {
  bind(Carriers).toConstantValue({ book: async () => 'the pigeon' });
});
// #endregion

// #region scoped
@injectable()
export class Transaction {
  static begun = 0;
  readonly number = ++Transaction.begun;
}

@MessageScoped()
export class Audit {
  static readonly lines: string[] = [];

  constructor(@inject(Transaction) private readonly transaction: Transaction) {}

  @Subscribe(OrderPlaced, { group: 'audit' })
  write({ orderId }: OrderPlaced) {
    Audit.lines.push(`${orderId} in transaction ${this.transaction.number}`);
  }
}

export const transactions = new ContainerModule(({ bind }) => {
  bind(Transaction).toSelf().inRequestScope(); // one for each message, shared by all that the handler is made of
});
// #endregion
