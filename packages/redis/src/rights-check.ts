import { BelfryError } from '@belfry/contracts';
import { settlesWithin, sleep, type TransportHost, type Usage } from '@belfry/core';
import type { Redis } from 'ioredis';
import { toRules } from './access-rules.js';
import { explained } from './connection-failure.js';
import { causeOf, isNoPermission, isRefusal, unavailable } from './failure.js';
import { type Operation, patternsOf, sampleCommand } from './operation.js';
import type { ResolvedRedisOptions } from './options.js';
import type { Address } from './server.js';
import { nameOf, toLayout } from './slot-map.js';
import { type Circumstances, commonOperations, operationsOf, purposeOf } from './usage-operations.js';

/** A right that a user lacks, and what for. */
export interface MissingRight {
  readonly operation: Operation;
  /** `to publish shop:orders.placed`. */
  readonly purpose: string;
}

/** Between two attempts to reach a Redis that is away. */
const PAUSE_MS = 100;
/** For so long a connection may answer nothing. */
const SILENCE_MS = 3000;
const NO_ANSWER = new Error('Redis does not answer');

/** Answers for each command, in JSON, whether the user of this call may run it. It runs none of them. */
const CHECK = `local answers = {}
for i, command in ipairs(ARGV) do
  local known, may = pcall(redis.acl_check_cmd, unpack(cjson.decode(command)))
  answers[i] = known and may and 1 or 0
end
return answers`;

/**
 * Asks Redis, before anything is begun, whether its user has every right that there will be use for. Over connections of its own: those of somebody who
 * may do next to nothing could not be prepared.
 */
export class RightsCheck {
  readonly #options: ResolvedRedisOptions;
  readonly #host: TransportHost;
  readonly #ending = new AbortController();

  constructor(options: ResolvedRedisOptions, host: TransportHost) {
    this.#options = options;
    this.#host = host;
  }

  /** @throws BelfryError `RIGHTS_MISSING`, listing all that are; `TRANSPORT_UNAVAILABLE`; what `close` was told */
  async demand(usages: readonly Usage[]): Promise<void> {
    const { address, subscribePatience } = this.#options;
    const { service, logger, clock } = this.#host;
    const until = clock.now() + subscribePatience;
    let cause: unknown;
    for (let isAway = false; ; isAway = true) {
      this.#ending.signal.throwIfAborted();
      const left = until - clock.now();
      const failure = await this.#ask(usages, left).then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      if (failure === undefined) return;
      this.#ending.signal.throwIfAborted();
      if (BelfryError.is(failure.error)) throw failure.error;
      if (failure.error !== NO_ANSWER || !isAway) cause = failure.error; // the last try may have had no time to find out more
      if (clock.now() >= until) throw unavailable(`the start of ${service}`, address, subscribePatience, cause);
      const { message: reason } = causeOf(failure.error) ?? {};
      if (!isAway) logger.warn({ address, reason }, 'Redis is not to be reached; trying again.');
      await sleep(clock, Math.min(PAUSE_MS, until - clock.now()));
    }
  }

  /** @param reason what whoever still waits for an answer is told */
  close(reason: Error): void {
    this.#ending.abort(reason);
  }

  async #ask(usages: readonly Usage[], patience: number): Promise<void> {
    const { cluster } = this.#options;
    const nodes = cluster === undefined ? [undefined] : await this.#nodesOf(cluster, patience);
    const asked = await Promise.allSettled(nodes.map((node) => this.#askOf(node, usages, patience)));
    const failures = asked.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
    const answer = failures.find((failure) => BelfryError.is(failure) || isRefusal(failure));
    if (answer !== undefined) throw answer;
    // What belongs to a node of a Cluster that is away waits for it, and everything else goes on.
    if (failures.length > 0 && failures.length === nodes.length) throw failures[0];
  }

  async #askOf(node: Address | undefined, usages: readonly Usage[], patience: number): Promise<void> {
    await this.#on(node, patience, async (client) => {
      const { options } = client;
      const database = options.db ?? 0;
      const missing = await missingRights(client, usages, { cluster: node !== undefined, database });
      if (missing.length === 0) return;
      const where = { user: options.username ?? 'default', address: node ? nameOf(node) : this.#options.address };
      throw rightsMissing(missing, { service: this.#host.service, ...where });
    });
  }

  /** Every node that serves something: each has users of its own. Where that may not be asked, the first one that answers says so. */
  async #nodesOf(
    { seeds, translate }: NonNullable<ResolvedRedisOptions['cluster']>,
    patience: number,
  ): Promise<readonly Address[]> {
    let failure: unknown;
    for (const seed of seeds) {
      try {
        const reply = await this.#on(seed, patience, (client) => client.cluster('SLOTS'));
        const { slots, nodes } = toLayout(reply, seed, translate);
        const primaries = new Set(slots);
        return nodes.filter((node) => primaries.has(nameOf(node)));
      } catch (error) {
        if (isNoPermission(error)) return [seed];
        failure = error;
      }
    }
    throw failure;
  }

  async #on<T>(node: Address | undefined, patience: number, work: (client: Redis) => Promise<T>): Promise<T> {
    const { service, instance, clock } = this.#host;
    const client = this.#options.connect(`belfry:${service}:${instance}:rights`, node);
    const giveUp = () => client.disconnect();
    this.#ending.signal.addEventListener('abort', giveUp);
    let failure: unknown;
    client.on('error', (error) => {
      failure = explained(error, client); // in better words than connect() rejects with
    });
    try {
      const done = client.connect().then(() => work(client));
      if (!(await settlesWithin(clock, Math.min(SILENCE_MS, patience), done))) throw NO_ANSWER;
      return await done;
    } catch (error) {
      throw isRefusal(error) || BelfryError.is(error) ? error : (failure ?? explained(error as Error, client));
    } finally {
      this.#ending.signal.removeEventListener('abort', giveUp);
      client.disconnect();
    }
  }
}

/** What the user of a connection lacks of what the usages take. Asks for all of it at once, and does none of it. */
export async function missingRights(
  client: Redis,
  usages: readonly Usage[],
  circumstances: Circumstances,
): Promise<readonly MissingRight[]> {
  const wanted = [
    ...commonOperations(circumstances).map((operation) => ({ operation, purpose: 'for every connection' })),
    ...usages.flatMap((usage) =>
      operationsOf(usage, circumstances).map((operation) => ({ operation, purpose: purposeOf(usage) })),
    ),
  ].filter(({ operation }) => !operation.optional);
  try {
    const refused = new Set(
      await refusedOperations(
        client,
        wanted.map(({ operation }) => operation),
      ),
    );
    return wanted.filter(({ operation }) => refused.has(operation));
  } catch (error) {
    if (!isNoPermission(error)) throw error;
    // Without the right to run a script nobody can ask for the others, and none of them is of use.
    return [{ operation: { command: 'eval' }, purpose: 'for every connection' }];
  }
}

/** Those of the operations that the user of a connection may not do. @throws what Redis answers when it refuses to say */
export async function refusedOperations(client: Redis, operations: readonly Operation[]): Promise<Operation[]> {
  const samples = operations.map((operation) => JSON.stringify(sampleCommand(operation)));
  const commands = [...new Set(samples)];
  const answers = (await client.eval(CHECK, 0, ...commands)) as number[];
  const refused = new Set(commands.filter((_, at) => Number(answers[at]) !== 1));
  return operations.filter((_, at) => refused.has(samples[at]!));
}

/** Everything that is missing, in one error, with the command that mends it. */
export function rightsMissing(
  missing: readonly MissingRight[],
  { service, user, address }: { readonly service: string; readonly user: string; readonly address: string },
): BelfryError {
  return new BelfryError('RIGHTS_MISSING', {
    message: `the user ${user} of Redis at ${address} lacks rights that ${service} needs:\n${listed(missing)}\n`,
    hint: `docs/access.md says how to print all rights of a service. These are added by:\nACL SETUSER ${user} ${toRules(missing.map(({ operation }) => operation)).join(' ')}`,
  });
}

/** A line for each name, with what may not be done with it, and what for. */
function listed(missing: readonly MissingRight[]): string {
  const lines = new Map<string, { commands: Set<string>; purposes: Set<string> }>();
  for (const { operation, purpose } of missing) {
    const what = patternsOf(operation).join(' ');
    const line = lines.get(what) ?? { commands: new Set(), purposes: new Set() };
    lines.set(what, line);
    line.commands.add(`+${operation.command}`);
    line.purposes.add(purpose);
  }
  return Array.from(
    lines,
    ([what, { commands, purposes }]) =>
      `- ${[...commands].join(' ')}${what === '' ? '' : ` ${what}`}, ${[...purposes].join(', ')}`,
  ).join('\n');
}
