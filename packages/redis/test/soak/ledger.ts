// What must add up at the end of a soak, whatever has happened. Each rule names what it found, and the ids.
import type { Book, Handling, Publish, Trouble } from './book.js';
import { askTimeoutMs, heartbeatMs, type Kind } from './contracts.js';

/** A rule that does not hold. */
export interface Finding {
  readonly rule: string;
  readonly ids: readonly string[];
}

/** What the faults explain. */
export interface Explained {
  /** Transient, received by a member that lost it in a fault. */
  readonly lost: readonly string[];
  /** How many were published while a member was in such trouble: more than these cannot be lost. */
  readonly endangered: number;
  /** Durable, handled again because of a fault. */
  readonly repeated: readonly string[];
}

export interface Verdict {
  readonly findings: readonly Finding[];
  readonly explained: Explained;
}

/** What was on its way to a process that had to find out by itself that its connection is dead: what Redis sent since its last sign of life. */
const UNNOTICED_MS = 2 * heartbeatMs;
/** Clocks of processes are read one after the other, and a busy machine takes its time in between. */
const LEEWAY_MS = 500;
/** What a request may take beyond its timeout. */
const ASK_LEEWAY_MS = 2000;

/** How a message may end. `overtaken` and the like have the code `TRANSPORT_UNAVAILABLE`. */
const endings: Record<Kind, readonly string[]> = {
  told: ['receipt', 'PUBLISH_UNCONFIRMED', 'TRANSPORT_UNAVAILABLE'],
  dealt: ['receipt', 'PUBLISH_UNCONFIRMED', 'TRANSPORT_UNAVAILABLE'],
  logged: ['receipt', 'PUBLISH_UNCONFIRMED', 'TRANSPORT_UNAVAILABLE'],
  asked: ['answer', 'NO_RESPONDERS', 'REQUEST_TIMEOUT', 'REQUEST_REJECTED', 'REPLY_LOST', 'TRANSPORT_UNAVAILABLE'],
};
/** Then it was not delivered. */
const undelivered = ['TRANSPORT_UNAVAILABLE', 'NO_RESPONDERS'];

/** Compares what was published with what was handled. */
export function judge(book: Book, audience: readonly string[]): Verdict {
  const told = of(book, 'told');
  const findings = [
    ...judgeEndings([...book.publishes.values()]),
    ...judgeStrangers(book),
    ...audience.flatMap((slot) => judgeBroadcast(book, told, slot)),
    ...judgeRequests(book, of(book, 'asked')),
  ];
  const dealt = judgeGroup(book, of(book, 'dealt'));
  const logged = judgeLog(book, of(book, 'logged'));
  return {
    findings: [...findings, ...dealt.findings, ...logged.findings].filter(({ ids }) => ids.length > 0),
    explained: { lost: dealt.lost, endangered: dealt.endangered, repeated: logged.repeated },
  };
}

/** What has to come yet: confirmed, and not handled by everybody who has to. */
export function missing(book: Book, audience: readonly string[]): number {
  let count = 0;
  for (const { id, kind, how } of book.publishes.values()) {
    if (how !== 'receipt') continue;
    const handlings = book.handlings.get(id) ?? [];
    if (kind === 'told') count += audience.filter((slot) => !handlings.some((each) => each.slot === slot)).length;
    if (kind === 'logged' && !handlings.some(isDone)) count++;
  }
  return count + unhandledIn(book).length;
}

const of = (book: Book, kind: Kind): readonly Publish[] =>
  [...book.publishes.values()].filter((publish) => publish.kind === kind);
const idsOf = (publishes: readonly Publish[]): string[] => publishes.map(({ id }) => id);
const unhandledIn = ({ log, handlings }: Book): string[] =>
  [...new Set(log)].filter((id) => !handlings.get(id)?.some(isDone));
const isDone = ({ endedAt, threw }: Handling): boolean => endedAt !== undefined && !threw;
const callsOf = ({ handlings }: Book, { id }: Publish): readonly Handling[] => handlings.get(id) ?? [];

function judgeEndings(publishes: readonly Publish[]): Finding[] {
  const undocumented = publishes.filter(({ how, kind }) => how !== undefined && !endings[kind].includes(how));
  return [
    { rule: 'every publish and every request settles', ids: idsOf(publishes.filter(({ how }) => how === undefined)) },
    { rule: 'it settles in a documented way', ids: undocumented.map(({ id, how }) => `${id} (${how})`) },
  ];
}

function judgeStrangers({ handlings, publishes }: Book): Finding[] {
  return [{ rule: 'what is handled was published', ids: [...handlings.keys()].filter((id) => !publishes.has(id)) }];
}

/** A broadcast that recovers: every instance that lived all the time handles all that is confirmed, in order and once. */
function judgeBroadcast(book: Book, told: readonly Publish[], slot: string): Finding[] {
  const calls = (publish: Publish) => callsOf(book, publish).filter((call) => call.slot === slot);
  const { missed } = book.recordOf(slot);
  return [
    {
      rule: `${slot}: what is confirmed is handled`,
      ids: idsOf(told.filter((each) => each.how === 'receipt' && calls(each).length === 0)),
    },
    { rule: `${slot}: nothing is handled twice`, ids: idsOf(told.filter((publish) => calls(publish).length > 1)) },
    {
      rule: `${slot}: what was not delivered is not handled`,
      ids: idsOf(told.filter((each) => undelivered.includes(each.how ?? '') && calls(each).length > 0)),
    },
    { rule: `${slot}: the events of a publisher are handled in their order`, ids: disordered(book, told, slot) },
    // Its Redis never forgets what it keeps, so there is nothing that could not be read again.
    { rule: `${slot}: nothing is reported as missed`, ids: missed === 0 ? [] : [`${missed} events`] },
  ];
}

function disordered({ handlings }: Book, told: readonly Publish[], slot: string): string[] {
  const [ids, latest] = [new Map(told.map((publish) => [publish.id, publish])), new Map<string, number>()];
  const found: string[] = [];
  const calls = [...handlings.values()].flat().filter((call) => call.slot === slot && ids.has(call.id));
  for (const { id } of calls.sort((one, other) => one.order - other.order)) {
    const { publisher, number } = ids.get(id) as Publish;
    if (number < (latest.get(publisher) ?? 0)) found.push(id);
    latest.set(publisher, Math.max(number, latest.get(publisher) ?? 0));
  }
  return found;
}

/** A transient event goes to one member. What that one loses with its connection or its life is lost. */
function judgeGroup(book: Book, dealt: readonly Publish[]): Omit<Explained, 'repeated'> & { findings: Finding[] } {
  const isHandled = (publish: Publish) => callsOf(book, publish).length > 0;
  const gone = dealt.filter((publish) => publish.how === 'receipt' && publish.group === 1 && !isHandled(publish));
  const isExplained = ({ begunAt, endedAt = begunAt }: Publish) =>
    book.troubles.some(
      ({ slot, from, to }) => slot?.startsWith('member') && from - UNNOTICED_MS <= endedAt && to + LEEWAY_MS >= begunAt,
    );
  const findings = [
    {
      rule: 'group: what a member received is handled, unless the member was in trouble',
      ids: idsOf(gone.filter((each) => !isExplained(each))),
    },
    {
      rule: 'group: nothing is handled twice',
      ids: idsOf(dealt.filter((publish) => callsOf(book, publish).length > 1)),
    },
    {
      rule: 'group: what nobody received is not handled',
      ids: idsOf(dealt.filter((each) => each.how === 'receipt' && each.group !== 1 && isHandled(each))),
    },
    {
      rule: 'group: what was not delivered is not handled',
      ids: idsOf(dealt.filter((each) => undelivered.includes(each.how ?? '') && isHandled(each))),
    },
  ];
  return { findings, lost: idsOf(gone.filter(isExplained)), endangered: dealt.filter(isExplained).length };
}

/** A durable event is appended once, handled at least once, and in the order of its key. */
function judgeLog(book: Book, logged: readonly Publish[]): { findings: Finding[]; repeated: string[] } {
  const inLog = new Map<string, number>();
  for (const id of book.log) inLog.set(id, (inLog.get(id) ?? 0) + 1);
  const repeats = logged.flatMap((publish) => repeatsOf(callsOf(book, publish)));
  const isExplained = ([one, other]: readonly [Handling, Handling]) =>
    book.troubles.some((trouble) => isWithin(trouble, one, other));
  const confirmed = logged.filter(({ how }) => how === 'receipt');
  const refused = logged.filter(({ how }) => undelivered.includes(how ?? ''));
  const keys = byKey(logged);
  const firstCall = (publish: Publish) => callsOf(book, publish)[0]?.beganAt;
  const findings = [
    { rule: 'durable: what is confirmed is in the log', ids: idsOf(confirmed.filter(({ id }) => !inLog.has(id))) },
    { rule: 'durable: it is appended once', ids: [...inLog].filter(([, count]) => count > 1).map(([id]) => id) },
    {
      rule: 'durable: what was not delivered is not in the log',
      ids: idsOf(refused.filter(({ id }) => inLog.has(id))),
    },
    { rule: 'durable: what is in the log is handled', ids: unhandledIn(book) },
    {
      rule: 'durable: what is not in the log is not handled',
      ids: idsOf(logged.filter((each) => !inLog.has(each.id) && callsOf(book, each).length > 0)),
    },
    {
      rule: 'durable: it is handled again only when it failed, or its member was in trouble',
      ids: repeats.filter((pair) => !isExplained(pair)).map(([{ id }]) => id),
    },
    {
      rule: 'durable: the events of a key are appended in their order',
      ids: keys.flatMap((each) => outOfOrder(each, positions(book.log))),
    },
    {
      rule: 'durable: the events of a key are handled in their order',
      ids: keys.flatMap((each) => outOfOrder(each, firstCall)),
    },
  ];
  return { findings, repeated: repeats.filter(isExplained).map(([{ id }]) => id) };
}

/** The events of each key, in the order in which they were published. */
function byKey(logged: readonly Publish[]): Publish[][] {
  const keys = new Map<string, Publish[]>();
  for (const publish of logged) {
    const { key } = publish;
    if (key === undefined) continue;
    const same = keys.get(key) ?? [];
    keys.set(key, same);
    same.push(publish);
  }
  return [...keys.values()];
}

/** The attempts after the first that no failure explains, each with the one before it. */
function repeatsOf(calls: readonly Handling[]): (readonly [Handling, Handling])[] {
  const inOrder = calls.toSorted((one, other) => one.beganAt - other.beganAt);
  return inOrder.slice(1).flatMap((call, at) => (inOrder[at]!.threw ? [] : [[inOrder[at]!, call] as const]));
}

/** The member that had it first was in trouble before the other one began. */
const isWithin = ({ slot, from, to }: Trouble, one: Handling, other: Handling): boolean =>
  (slot === undefined || slot === one.slot) && from <= other.beganAt + LEEWAY_MS && to + LEEWAY_MS >= one.beganAt;

const positions = (log: readonly string[]): ((publish: Publish) => number | undefined) => {
  const at = new Map(log.map((id, position) => [id, position]));
  return ({ id }) => at.get(id);
};

/** Those that come after a later one. What has no place is not there. */
function outOfOrder(publishes: readonly Publish[], placeOf: (publish: Publish) => number | undefined): string[] {
  let latest = Number.NEGATIVE_INFINITY;
  return idsOf(
    publishes.filter((publish) => {
      const place = placeOf(publish);
      if (place === undefined) return false;
      const isLate = place < latest;
      latest = Math.max(latest, place);
      return isLate;
    }),
  );
}

/** A request is handled once at most, and always ends soon after its timeout. */
function judgeRequests(book: Book, asked: readonly Publish[]): Finding[] {
  const counts = (publish: Publish) => callsOf(book, publish).length;
  const tooLate = (publish: Publish) => {
    const { begunAt, endedAt = begunAt } = publish;
    return endedAt - begunAt > askTimeoutMs + ASK_LEEWAY_MS + waitedForMachine(book, publish);
  };
  return [
    { rule: 'request: it is handled once at most', ids: idsOf(asked.filter((each) => counts(each) > 1)) },
    {
      rule: 'request: what is answered was handled',
      ids: idsOf(asked.filter((each) => each.how === 'answer' && counts(each) === 0)),
    },
    {
      rule: 'request: what was not delivered is not handled',
      ids: idsOf(asked.filter((each) => undelivered.includes(each.how ?? '') && counts(each) > 0)),
    },
    { rule: 'request: it ends within its timeout', ids: idsOf(asked.filter(tooLate)) },
  ];
}

/** So long the caller's process did not run meanwhile, and had nothing to compute: the machine had other things to do. */
function waitedForMachine(book: Book, { publisher, begunAt, endedAt = begunAt }: Publish): number {
  return book
    .recordOf(publisher)
    .stoodStill.filter((stop) => stop.at >= begunAt && stop.at - stop.for <= endedAt)
    .reduce((sum, stop) => sum + stop.for - stop.computing, 0);
}
