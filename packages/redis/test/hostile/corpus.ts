// What strangers write: garbage, mutilated envelopes, and forgeries that look right. A seed decides, so what fails can be had again.
import type { Random } from '@belfry/core/random';

/** Stands in everything that is no name: it must never be seen in a log. */
export const SECRET = 'tell-nobody-4711';

export const RECORD_SEPARATOR = '\x1e';

/** What a hostile program knows of a contract. */
export interface Target {
  readonly type: string;
  readonly version: number;
  /** In bytes: what is larger is refused. */
  readonly limit: number;
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** Values that no attribute expects. */
const oddValues: readonly Json[] = [
  null,
  true,
  0,
  -1,
  1e308,
  1.5,
  Number.MAX_SAFE_INTEGER,
  '',
  ' ',
  '\u0000',
  '\ud800',
  '1',
  '-1',
  '01',
  '1e308',
  'NaN',
  '__proto__',
  'constructor',
  [],
  ['1'],
  {},
  { toString: 1, valueOf: 1 },
  { length: 1_000_000_000 },
];

const attributes = [
  'specversion',
  'id',
  'source',
  'type',
  'time',
  'datacontenttype',
  'dataversion',
  'partitionkey',
  'correlationid',
  'causationid',
  'traceparent',
  'tracestate',
  'timeoutms',
  'sequence',
  'cursor',
  'data',
];

/** Names that mean something to JavaScript, not to Belfry. */
const poison = ['constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', 'then', 'toJSON', 'length'];

/** An object that would have a prototype of its own, if somebody merged it carelessly. */
const POISONED = `"__proto__":{"polluted":"${SECRET}","n":1},"constructor":{"prototype":{"polluted":"${SECRET}"}}`;

/** Makes messages for one target. */
export class Corpus {
  readonly #dice: Random;
  readonly #target: Target;
  #count = 0;

  constructor(dice: Random, target: Target) {
    this.#dice = dice;
    this.#target = target;
  }

  /** An envelope that fits the target. @param more attributes instead of its own, or beside them */
  good(n: number, more: Readonly<Record<string, unknown>> = {}): string {
    const { type, version } = this.#target;
    const id = `forged-${this.#dice.seed}-${this.#count++}`;
    return JSON.stringify({
      specversion: '1.0',
      id,
      source: `/stranger/${this.#dice
        .below(2 ** 32)
        .toString(16)
        .padStart(16, '0')}`,
      type,
      dataversion: String(version),
      data: { n, note: SECRET },
      ...more,
    });
  }

  /** What one Pub/Sub message carries: one body, or a frame of several, whole or not. */
  message(): Buffer {
    const dice = this.#dice;
    if (!dice.chance(0.25)) return this.body();
    const separator = Buffer.from(RECORD_SEPARATOR);
    const end = Buffer.from('\n');
    switch (dice.below(7)) {
      case 0:
        return Buffer.from(RECORD_SEPARATOR.repeat(dice.pick([1, 2, 3, 1023, 1024, 1025])));
      case 1:
        return Buffer.concat([separator, this.body()]); // half a frame
      case 2:
        return Buffer.concat([this.body(), separator, this.body(), end]); // it does not begin as one
      case 3:
        return Buffer.from(`${RECORD_SEPARATOR}{}\n`.repeat(dice.pick([2, 1023, 1024, 1025, 1100])));
      case 4: {
        // What all of them are said to share is garbage, or a trap.
        const shared = dice.pick([
          JSON.stringify(dice.pick(oddValues)),
          `{${POISONED}}`,
          `{"cursor":"7-7",${POISONED}}`,
          '{',
          '',
        ]);
        return Buffer.concat([Buffer.from(`${RECORD_SEPARATOR}{"shared":${shared}}\n`), separator, this.body(), end]);
      }
      default: {
        const records = Array.from({ length: 1 + dice.below(5) }, () => [separator, this.body(), end]).flat();
        return Buffer.concat(dice.chance(0.3) ? records.slice(0, -1) : records);
      }
    }
  }

  /** One body: garbage, or nearly an envelope, or (now and then) one that is fine. */
  body(): Buffer {
    const dice = this.#dice;
    switch (dice.below(12)) {
      case 0:
        return Buffer.concat([dice.bytes(dice.below(60)), Buffer.from(dice.pick(['', SECRET]))]);
      case 1:
        return Buffer.from(
          dice.pick(['', ' ', '\0', '!', '!!', 'null', '0', '[]', '{}', '""', '\u2028', '\ufeff{}', SECRET]),
        );
      case 2:
        return Buffer.from(JSON.stringify(dice.pick([[SECRET], SECRET, { note: SECRET }, { data: { n: 1 } }])));
      case 3:
        return this.#truncated();
      case 4:
        return this.#flipped();
      case 5:
        return Buffer.from(this.good(this.#number(), { [dice.pick(attributes)]: dice.pick(oddValues) }));
      case 6:
        return Buffer.from(this.good(this.#number(), { data: this.#data() }));
      case 7:
        return Buffer.from(this.#poisoned());
      case 8:
        return Buffer.from(dice.chance(0.3) ? this.#deep() : this.#surrogates());
      case 9:
        return Buffer.from(dice.chance(0.3) ? this.#huge() : this.#longNamed());
      case 10:
        return Buffer.from(this.good(this.#number(), { [dice.pick(poison)]: dice.pick(oddValues) }));
      default:
        return Buffer.from(this.good(this.#number()));
    }
  }

  /** A letter into the inbox of an instance, nearly as it should be. @param known ids of requests and names of instances that strangers may know */
  letter(known: { readonly requests: readonly string[]; readonly sources: readonly string[] }): Buffer {
    const dice = this.#dice;
    if (dice.chance(0.4)) return this.message();
    const kind = dice.pick(['reply', 'values', 'end', 'error', 'credit', 'cancel', 'reply ', '', 'Reply']);
    const letter = this.good(this.#number(), {
      type: `belfry.${kind}`,
      source: dice.pick(known.sources),
      causationid: dice.chance(0.7) ? dice.pick(known.requests) : `unknown-${this.#number()}`,
      sequence: dice.pick([undefined, '0', '1', 5, '99', -1, 1e308, '1e3', ...oddValues]),
      data: dice.pick<unknown>([
        ...[
          -1,
          0,
          1,
          128,
          192,
          1e308,
          Number.MAX_SAFE_INTEGER,
          SECRET,
          null,
          [],
          [SECRET],
          [{ n: 1 }],
          { n: 1, note: SECRET },
        ],
        ...[
          { code: 'HANDLER_FAILED', errorId: SECRET },
          { code: '__proto__' },
          { code: 'constructor', data: { n: 1 } },
        ],
        ...[
          { code: 7 },
          { code: 'REQUEST_REJECTED', reason: { toString: 1 } },
          { code: 'HANDLER_FAILED', detail: null },
        ],
      ]),
    });
    return Buffer.from(letter);
  }

  #number(): number {
    return this.#dice.below(1_000_000);
  }

  #data(): unknown {
    const [dice, n] = [this.#dice, this.#number()];
    return dice.pick<unknown>([
      undefined,
      null,
      [],
      [n],
      n,
      SECRET,
      { n: String(n), note: SECRET },
      { n: null },
      { note: SECRET },
      { n, note: { toString: SECRET } },
      { n, toJSON: SECRET, valueOf: SECRET },
      { N: n },
    ]);
  }

  #truncated(): Buffer {
    const whole = Buffer.from(this.good(this.#number()));
    return whole.subarray(0, this.#dice.below(whole.length));
  }

  #flipped(): Buffer {
    const bytes = Buffer.from(this.good(this.#number()));
    for (let flips = 1 + this.#dice.below(3); flips > 0; flips--)
      bytes[this.#dice.below(bytes.length)] = this.#dice.pick([0, 0x1e, 0x22, 0x5c, 0x7b, 0x7d, 0x80, 0xc0, 0xff]);
    return bytes;
  }

  /** In the envelope, in the data, or both. The same name twice: JSON takes the last. */
  #poisoned(): string {
    const [dice, n] = [this.#dice, this.#number()];
    const data = dice.pick([`{${POISONED}}`, `{"n":${n},${POISONED}}`, `{"n":${n}}`, `{"n":1,"n":"${SECRET}"}`]);
    const whole = this.good(n, { data: 'DATA' }).replace('"DATA"', data);
    return dice.pick([whole, `{${POISONED},${whole.slice(1)}`, `{"__proto__":${whole}}`]);
  }

  #deep(): string {
    const { below, pick } = { below: this.#dice.below.bind(this.#dice), pick: this.#dice.pick.bind(this.#dice) };
    const depth = pick([1000, this.#target.limit >> 3, 100_000]);
    const [open, close] = pick([
      ['[', ']'],
      ['{"a":', '}'],
      ['[{"data":', '}]'],
    ]);
    const nested = `${open.repeat(depth)}1${below(2) === 0 ? '' : close.repeat(depth)}`;
    return pick([nested, this.good(1, { data: 'DATA' }).replace('"DATA"', nested)]);
  }

  #surrogates(): string {
    const escaped = this.#dice.pick(['\\ud800', '\\udfff', '\\ud83d\\ud83d', '\\u0000', '\\u001e']);
    return this.good(this.#number(), { note: 'TEXT', partitionkey: 'TEXT' }).replaceAll('TEXT', escaped);
  }

  #huge(): string {
    const { limit } = this.#target;
    const size = this.#dice.pick([limit, limit + 1, limit * 2, limit * 4]);
    const filler = this.#dice.pick(['x', '€', '\u0000']);
    const text = filler.repeat(Math.ceil(size / Buffer.byteLength(JSON.stringify(filler).slice(1, -1))));
    return this.#dice.pick([text, this.good(this.#number(), { data: { n: 1, note: text } })]);
  }

  /** As long as the limit allows, where nobody expects it. */
  #longNamed(): string {
    const name = this.#dice.pick(['id', 'source', 'partitionkey', 'correlationid', 'tracestate', 'dataversion', 'x']);
    return this.good(this.#number(), { [name]: 'y'.repeat(this.#target.limit >> 1) });
  }
}
