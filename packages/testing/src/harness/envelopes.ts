import { decodeEnvelope, type Envelope, type OutgoingEvent } from '@belfry/core';

/** What a text on its way says; `undefined` when it is no envelope. */
export function opened(body: string): Envelope | undefined {
  try {
    return decodeEnvelope(body);
  } catch {
    return undefined;
  }
}

/** The whole envelope of an event on its way out. */
export const textOf = ({ shared = '', body }: OutgoingEvent): string => shared + body;

/** The channel without its namespace, and a request's without what marks it as one: so a contract names it. */
export const localName = (channel: string, namespace: string): string => {
  const local = channel.startsWith(`${namespace}:`) ? channel.slice(namespace.length + 1) : channel;
  return local.endsWith('/request') ? local.slice(0, -'/request'.length) : local;
};

const MOST_CHARACTERS = 160;

/** Data in a line of text. */
export function inLine(data: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(data);
  } catch {
    // It holds itself, or a BigInt.
  }
  text ??= String(data);
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}

/** A message in a line of text: its type and its data. */
export function summaryOf(body: string, channel: string): string {
  const envelope = opened(body);
  return envelope === undefined ? `${channel} ${inLine(body)}` : `${envelope.type} ${inLine(envelope.data)}`;
}
