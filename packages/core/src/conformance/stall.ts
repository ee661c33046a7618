import type { WorkRequest } from '../durable/durability.js';
import type { Transport, TransportFactory } from '../transport.js';
import { Gate } from './waiting.js';

/** Lets an instance seem to stand still: as long as it does, it asks for no work, settles nothing, and gives no sign of life. */
export class Stall {
  #gate: Gate | undefined;

  begin(): void {
    this.#gate ??= new Gate();
  }

  end(): void {
    this.#gate?.open();
    this.#gate = undefined;
  }

  /** The same transport, for an instance that stands still from time to time. */
  of(create: TransportFactory): TransportFactory {
    return (host) => {
      const transport = create(host);
      const durable = transport.durable!;
      const work = async (request: WorkRequest) => {
        await this.#gate?.opened;
        return durable.work(request);
      };
      return instead<Transport>(transport, { durable: instead(durable, { work }) });
    };
  }
}

/** The same object, but for some of its members. */
const instead = <T extends object>(original: T, members: Partial<T>): T =>
  new Proxy(original, {
    get(_, name) {
      if (Object.hasOwn(members, name)) return members[name as keyof T];
      const member: unknown = Reflect.get(original, name, original);
      return typeof member === 'function' ? member.bind(original) : member;
    },
  });
