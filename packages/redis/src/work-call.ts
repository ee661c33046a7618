import type { Delivery, Settlement, Work, WorkRequest } from '@belfry/core';

// What goes to `work.lua`, and what comes back: the script says what stands where.

/** So many entries may wait behind others of their key; then a group reads nothing more until some of them are done. */
const MAX_PARKED = '10000';

/** What `work.lua` is told. @param now by the clock of a test, in milliseconds; empty: Redis's own */
export function workArguments(request: Omit<WorkRequest, 'channel'>, maxParked = MAX_PARKED, now = ''): string[] {
  const { group, instance, holder, holding, room, claimTimeout, once, former, settlements } = request;
  const listed = (values: readonly (string | number)[]) => values.map((value) => `${value} `).join('');
  const args = [
    group,
    instance,
    holder,
    String(holding),
    String(room),
    String(Math.ceil(claimTimeout)),
    maxParked,
    once ? '1' : '0',
    listed(former?.holders ?? []),
    listed(former?.known.flatMap(({ id, token }) => [id, token]) ?? []),
    now,
  ];
  const plain = settlements.filter(isPlain);
  args.push(String(plain.length));
  for (const { id, token } of plain) args.push(id, String(token));
  if (plain.length === settlements.length) return args;
  for (const settlement of settlements) {
    if (isPlain(settlement)) continue;
    const { id, token, outcome } = settlement;
    args.push(id, String(token), outcome, ...detailsOf(settlement));
  }
  return args;
}

/** It was handled, and that is all there is to say. */
const isPlain = (settlement: Settlement): boolean =>
  settlement.outcome === 'done' && settlement.once === undefined && settlement.commands === undefined;

function detailsOf(settlement: Settlement): [string, string] {
  switch (settlement.outcome) {
    case 'done': {
      const { once, commands } = settlement;
      return [
        once === undefined ? '' : `${Math.max(1, Math.ceil(once.window))} ${once.messageId}`,
        commands === undefined ? '' : JSON.stringify(commands),
      ];
    }
    case 'retry':
      return [String(Math.ceil(settlement.delay)), ''];
    case 'dead':
      return [settlement.reason.code, settlement.reason.message];
    case 'release':
      return ['', ''];
  }
}

type WorkReply = [
  dueIn: string,
  more: number,
  lapsed: number,
  lost: number,
  repeated: number,
  epoch: string,
  count: number,
  refused: string[],
  kept: string[],
  failed: string[],
  firstToken: string,
  given: string[],
  notes: (string | number)[],
];

/** Reads what `work.lua` returns. */
export function toWork(reply: unknown): Work {
  const [dueIn, more, lapsed, lost, repeated, epoch, count, refusals, kept, failures, firstToken, given, notes] =
    reply as WorkReply;
  const failed: { token: number; message: string }[] = [];
  for (let i = 0; i < failures.length; i += 2)
    failed.push({ token: Number(failures[i]), message: String(failures[i + 1]) });
  return {
    dueIn: durationOf(dueIn),
    more: more === 1,
    lapsed: lapsed === 1,
    lost: Number(lost),
    repeated: Number(repeated),
    epoch,
    count: Number(count),
    refused: refusals.map(Number),
    kept: kept.map(Number),
    failed,
    deliveries: toDeliveries(Number(firstToken), given, notes),
  };
}

function toDeliveries(
  firstToken: number,
  given: readonly string[],
  notes: readonly (string | number)[],
): readonly Delivery[] {
  const deliveries: Delivery[] = [];
  let noted = 0;
  for (let at = 0; at < given.length / 2; at++) {
    const [id, body, token] = [given[at * 2]!, given[at * 2 + 1]!, firstToken + at];
    if (Number(notes[noted]) !== at + 1) deliveries.push({ id, body, token, attempt: 1, key: undefined });
    else {
      const key = String(notes[noted + 2]);
      const attempt = Number(notes[noted + 1]);
      deliveries.push({ id, body, token, attempt, key: key === '' ? undefined : key.slice(1) });
      noted += 3;
    }
  }
  return deliveries;
}

/** `undefined`: there is nothing to wait for, or somebody has written a time that never comes. */
export function durationOf(milliseconds: string): number | undefined {
  const duration = Number(milliseconds);
  return milliseconds === '' || !Number.isFinite(duration) ? undefined : duration;
}
