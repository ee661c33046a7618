import { type EnvelopeAttributes, envelopeEncoder } from '../src/envelope.js';

/** Encodes the envelopes of one contract, each in one piece. */
export function wholeEnvelopes(source: string, type: string, version: number) {
  const encoder = envelopeEncoder(source, type, version);
  return ({ time, ...own }: EnvelopeAttributes & { time: number }, dataJson: string): string =>
    encoder.shared(time) + encoder.own(own, dataJson);
}
