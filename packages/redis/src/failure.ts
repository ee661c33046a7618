import { BelfryError } from '@belfry/contracts';
import { globOf } from './operation.js';

/** Redis answered, and the answer was an error: the command reached it. Anything else is the connection's fault. */
export const isRefusal = (error: unknown): error is Error => error instanceof Error && error.name === 'ReplyError';

/** Redis does not serve this here, or not now: it was not executed. https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ */
export const isMisdirected = (refusal: Error): boolean =>
  /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|READONLY|LOADING) /.test(refusal.message);

/** Redis answered that it is a replica: it has not executed the command, and is not where anything should be sent. */
export const isReplica = (error: unknown): boolean => isRefusal(error) && /^(READONLY|MASTERDOWN) /.test(error.message);

/** Redis refused what the ACL user may not do: itself, or as a part of a script. */
export const isNoPermission = (error: unknown): error is Error => isRefusal(error) && NO_PERMISSION.test(error.message);
/** Redis 7.0 says of a command within a script only that, later ones say NOPERM, or ACL failure. */
const NO_PERMISSION = /^NOPERM|ACL failure in script|The user executing the script can't/;

/** What Redis refused, as ioredis tells it. */
export function refusedCommand(error: Error): { readonly name: string; readonly args: readonly unknown[] } {
  const { name = '', args = [] } = (error as { command?: { name?: string; args?: unknown[] } }).command ?? {};
  return { name: name.toLowerCase(), args };
}

const rights = new WeakMap<Error, string>();

/** Hangs on a refusal which right it was for. */
export const nameRight = (refusal: Error, rule: string): void => void rights.set(refusal, rule);

/** Which right a refusal was for, in words of an ACL; of a command that goes to a channel it is known. Never with a payload. */
function rightOf(refusal: Error): string {
  const { name, args } = refusedCommand(refusal);
  const named = rights.get(refusal);
  if (named !== undefined) return named;
  if (/^[sp]?(publish|subscribe)$/.test(name))
    return `(+${name} &${name === 'psubscribe' ? args[0] : globOf(String(args[0]))})`;
  return 'this right';
}

/** ioredis had no connection to write on: the command was not sent. */
export const isUnsent = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith("Stream isn't writeable");

/** A cause that is safe to log: ioredis hangs the command's arguments on its errors, and those are payloads and passwords. */
export function causeOf(error: unknown): Error | undefined {
  if (error === undefined) return undefined;
  const cause = new Error(error instanceof Error ? wordsOf(error) : String(error));
  if (error instanceof Error && 'code' in error) Object.assign(cause, { code: error.code });
  return cause;
}

/** What Redis says, without the arguments that it repeats of a command that it does not know: they are payloads too. */
const wordsOf = ({ message }: Error): string => message.replace(/, with args beginning with: .*$/s, '');

/** It was not sent, or not taken. */
export const isUnavailable = (error: unknown): boolean =>
  BelfryError.is(error) && error.code === 'TRANSPORT_UNAVAILABLE';

/** Redis was not there, or not able to take it, in time. */
export const unavailable = (what: string, address: string, waitedMs: number, error: unknown): BelfryError =>
  new BelfryError('TRANSPORT_UNAVAILABLE', {
    message: `no answer from Redis at ${address}${Number.isFinite(waitedMs) ? ` within ${waitedMs} ms` : ''}${because(error)}, for ${what}.`,
    hint: hintForAbsence(error),
    cause: causeOf(error),
  });

function hintForAbsence(error: unknown): string {
  if (isNoCluster(error)) return 'This is one server and no Cluster: say so, with a URL like redis://host:port.';
  const [, unknown] = (error instanceof Error && UNKNOWN.exec(error.message)) || [];
  if (unknown?.toLowerCase() === 'sentinel')
    return 'This is a Redis and no Sentinel: say so, with a URL like redis://host:port.';
  if (unknown !== undefined) return NO_REDIS;
  return 'Is Redis running there, do the URL, user and password fit, and is it rediss:// exactly where Redis speaks TLS?';
}

const UNKNOWN = /unknown (?:redis )?command '?`?(\w*)/i;
const NO_REDIS =
  'Belfry needs Redis 7.0 or later, or Valkey. If a Sentinel answers there, say so, with a URL like redis+sentinel://host:26379/mymaster.';

/** Too much waits already. */
export const crowdedOut = (what: string, address: string): BelfryError =>
  new BelfryError('TRANSPORT_UNAVAILABLE', {
    message: `${what} was not delivered: too much waits for Redis at ${address} already.`,
    hint: 'Redis is away or too slow for what this instance sends: await what it sends, and send less.',
  });

/** Redis had forgotten the script, or did not serve the slot, and that was over before a later command came. */
export const overtaken = (what: string, address: string): BelfryError =>
  new BelfryError('TRANSPORT_UNAVAILABLE', {
    message: `${what} was not delivered: Redis at ${address} refused it for a moment, having forgotten a script or while a slot was moving, and a later one got through meanwhile.`,
    hint: 'Publish it again if the order does not matter. SCRIPT FLUSH is not for servers at work.',
  });

/** Written to the socket, and the connection broke before Redis answered. */
export const unconfirmed = (what: string, address: string): BelfryError =>
  new BelfryError('PUBLISH_UNCONFIRMED', {
    message: `${what} was written to Redis at ${address}, but the connection broke before the answer came.`,
    hint: 'It may have been delivered, and is not sent again. Repeat it only if handling it twice does no harm.',
  });

/** Redis said no. Out of memory is a code of its own. */
export const refused = (
  code: 'PUBLISH_REFUSED' | 'SUBSCRIBE_REFUSED',
  what: string,
  address: string,
  error: Error,
): BelfryError =>
  new BelfryError(error.message.startsWith('OOM') ? 'STORAGE_FULL' : code, {
    message: `${what}: Redis at ${address} answered ${wordsOf(error)}.`,
    hint: hintFor(error),
    cause: causeOf(error),
  });

function hintFor(error: Error): string {
  const answer = error.message;
  if (isNoPermission(error))
    return `The ACL user lacks ${rightOf(error)}: docs/access.md says which rights a service needs.`;
  if (/^(MOVED|CLUSTERDOWN) /.test(answer))
    return 'This is a node of a Redis Cluster: say so, with a URL like redis+cluster://host:port,host:port.';
  if (answer.startsWith('OOM'))
    return 'Redis is at maxmemory: transient events pass, but logs and places in groups take memory. Let the groups work, keep less (retain in the contract), or raise maxmemory.';
  if (answer.startsWith('NOREPLICAS'))
    return 'Redis has fewer replicas than min-replicas-to-write asks for, and takes no writes until they are back.';
  if (UNKNOWN.test(answer)) return NO_REDIS;
  return 'The answer is Redis’s own.';
}

const isNoCluster = (error: unknown): boolean => isRefusal(error) && error.message.includes('cluster support disabled');

const because = (error: unknown): string =>
  error instanceof Error && error.message !== '' ? ` (${wordsOf(error)})` : '';
