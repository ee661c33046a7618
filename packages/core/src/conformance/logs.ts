import type { AnyEvent } from '@belfry/contracts';
import type { Bus } from '../bus.js';
import type { Appended, GroupState } from '../durable/durability.js';
import type { ShownDeadLetter } from '../durable/inspection.js';
import { messageIdOf } from '../durable/log.js';
import { until } from './waiting.js';
import type { World } from './world.js';

/** A group has handled all that is in the log. */
export const ALL_DONE: Partial<GroupState> = { lag: 0, pending: 0 };

/** Waits until a group of a durable event stands as it should: those of its figures that are given. Resolves with all of them. */
export async function untilStands(
  bus: Bus,
  contract: AnyEvent,
  group: string,
  figures: Partial<GroupState>,
): Promise<GroupState> {
  let state: GroupState | undefined;
  const stands = async () => {
    state = (await bus.inspect(contract).groups()).find((each) => each.group === group);
    return (
      state !== undefined &&
      (Object.keys(figures) as (keyof GroupState)[]).every((name) => state?.[name] === figures[name])
    );
  };
  await until(
    stands,
    () => `the group ${group} to stand at ${JSON.stringify(figures)}, and not at ${JSON.stringify(state)}`,
  );
  return state!;
}

/** Waits until so many are among the dead letters of a group, and gives them. */
export async function untilDead(
  bus: Bus,
  contract: AnyEvent,
  group: string,
  count: number,
): Promise<readonly ShownDeadLetter[]> {
  let letters: readonly ShownDeadLetter[] = [];
  const areThere = async () => {
    letters = await bus.inspect(contract).deadLetters(group).list();
    return letters.length >= count;
  };
  await until(areThere, () => `${count} dead letters, of which there are ${letters.length}`);
  return letters;
}

/** Appends to the log of an event as a foreign program may do it: anything. */
export async function appender(
  world: World,
  contract: AnyEvent,
): Promise<(body: string, key?: string) => Promise<Appended>> {
  const { durable } = await world.transport();
  const channel = world.channel(contract);
  return (body, key) => {
    const messageId = messageIdOf(body) ?? 'none';
    return durable!.append({ channel, body, key, messageId, window: undefined, delay: undefined, cap: undefined });
  };
}

/** An envelope as a foreign program may write it. */
export const envelopeOf = ({ name }: AnyEvent, data: unknown, attributes: object = {}): string =>
  JSON.stringify({ specversion: '1.0', id: 'foreign-1', source: '/foreign/program', type: name, data, ...attributes });
