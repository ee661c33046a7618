import type { AnyContract, AnyRequest } from '@belfry/contracts';

/** Something that a bus does on a channel: what a transport needs rights for, where its broker gives them one by one. */
export type Usage =
  /** Publishes a transient event. */
  | {
      readonly kind: 'publish';
      readonly channel: string;
      /** It is kept for broadcast subscribers that were away. */
      readonly recovered: boolean;
      /** On its public channel too. */
      readonly public: boolean;
    }
  /** Appends a durable event, at once or later, and looks after its log. */
  | { readonly kind: 'append'; readonly channel: string }
  /** Publishes bare payloads. */
  | { readonly kind: 'publishBare'; readonly channel: string }
  /** Asks, and gets the answer in the inbox of the instance. */
  | { readonly kind: 'ask'; readonly channel: string; readonly namespace: string; readonly service: string }
  /** Shares the transient events of a channel with the other members of a group. */
  | { readonly kind: 'share'; readonly channel: string; readonly group: string }
  /** Hears every transient event of a channel. */
  | { readonly kind: 'hear'; readonly channel: string; readonly recovered: boolean }
  /** Hears every event of all channels that match. */
  | { readonly kind: 'hearPattern'; readonly pattern: string }
  /** Hears bare payloads. */
  | { readonly kind: 'hearBare'; readonly channel: string }
  /** Shares a log with the other members of a group. */
  | { readonly kind: 'work'; readonly channel: string; readonly group: string }
  /** Reads a log for itself alone. */
  | { readonly kind: 'read'; readonly channel: string }
  /** Answers requests. */
  | { readonly kind: 'respond'; readonly channel: string; readonly namespace: string; readonly service: string }
  /** Looks into a log, replays and purges dead letters, removes groups. */
  | { readonly kind: 'operate'; readonly channel: string };

/** Who uses something. */
export interface User {
  readonly name: string;
  readonly namespace: string;
}

/** Whatever can be published or asked. */
export type Emitted = AnyContract | AnyRequest;

/** What it takes to publish it, or to ask. */
export function usageOfEmitting(contract: Emitted, { name, namespace }: User, publicChannels = true): Usage {
  switch (contract.kind) {
    case 'channel':
      return { kind: 'publishBare', channel: contract.channel };
    case 'request':
      return { kind: 'ask', channel: `${namespace}:${contract.channel}/request`, namespace, service: name };
    case 'event': {
      const channel = `${namespace}:${contract.channel}`;
      if (contract.guarantee === 'durable') return { kind: 'append', channel };
      return { kind: 'publish', channel, recovered: contract.recovery !== undefined, public: publicChannels };
    }
  }
}

/** What it takes to subscribe to it. `group`: absent for a broadcast */
export function usageOfSubscribing(contract: AnyContract, group: string | undefined, { namespace }: User): Usage {
  if (contract.kind === 'channel') return { kind: 'hearBare', channel: contract.channel };
  const channel = `${namespace}:${contract.channel}`;
  if (contract.guarantee === 'durable')
    return group === undefined ? { kind: 'read', channel } : { kind: 'work', channel, group };
  return group === undefined
    ? { kind: 'hear', channel, recovered: contract.recovery !== undefined }
    : { kind: 'share', channel, group };
}

/** What it takes to subscribe to a pattern of event names. */
export const usageOfPattern = (pattern: string, { namespace }: User): Usage => ({
  kind: 'hearPattern',
  pattern: `${namespace}:${pattern}`,
});

/** What it takes to respond to it. */
export const usageOfResponding = ({ channel }: AnyRequest, { name, namespace }: User): Usage => ({
  kind: 'respond',
  channel: `${namespace}:${channel}/request`,
  namespace,
  service: name,
});

/** What it takes to look into the log of a durable event. */
export const usageOfOperating = ({ channel }: { readonly channel: string }, { namespace }: User): Usage => ({
  kind: 'operate',
  channel: `${namespace}:${channel}`,
});
