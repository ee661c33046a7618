import type {
  Appended,
  DeadLetter,
  Durability,
  GroupState,
  LogPart,
  OutgoingDurableEvent,
  WorkRequest,
} from '../src/durable/durability.js';
import type { Work } from '../src/durable/delivery.js';

const unexpected = async (): Promise<never> => {
  throw new Error('The test has not said what a broker does then.');
};

/** A broker of durable events that does as the test says. */
export class ScriptedDurability implements Durability {
  append: (event: OutgoingDurableEvent) => Promise<Appended> = unexpected;
  cancel: Durability['cancel'] = unexpected;
  createGroup: Durability['createGroup'] = unexpected;
  work: (request: WorkRequest) => Promise<Work> = unexpected;
  read: (channel: string, after: string | undefined, epoch: string, count: number) => Promise<LogPart> = unexpected;
  tend: (channel: string) => Promise<readonly GroupState[]> = unexpected;
  removeGroup: Durability['removeGroup'] = unexpected;
  deadLetters: Durability['deadLetters'] = unexpected;
  deadLetter: (channel: string, group: string, id: string) => Promise<DeadLetter | undefined> = unexpected;
  replay: Durability['replay'] = unexpected;
  purge: Durability['purge'] = unexpected;
}
