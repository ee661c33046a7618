import { ContainerModule, inject, injectable, postConstruct, preDestroy, Subscribe } from 'belfry';
import { OrderPlaced } from './messages.js';

export const steps: string[] = [];

// #region archive
/** Stands for a database: opened before anything is subscribed, closed after the last handler is done. */
@injectable()
export class Archive {
  @postConstruct()
  async open() {
    steps.push('archive: open');
  }

  async keep(orderId: string) {
    steps.push(`archive: keeps ${orderId}`);
  }

  @preDestroy()
  async close() {
    steps.push('archive: closed');
  }
}

export class Clerk {
  constructor(@inject(Archive) private readonly archive: Archive) {}

  @Subscribe(OrderPlaced)
  async file({ orderId }: OrderPlaced) {
    await this.archive.keep(orderId);
  }
}

export const archive = new ContainerModule(({ bind }) => {
  bind(Archive).toSelf().inSingletonScope();
});
// #endregion
