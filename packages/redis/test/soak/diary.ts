// What the processes of a soak write down, a line each, before anything else happens: who is killed has lost nothing of it.
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { Kind } from './contracts.js';

/** One line of a diary, and when it was written. */
export type Line = { readonly at: number } & (
  | { readonly what: 'ready' }
  /** A publish or a request begins. */
  | { readonly what: 'begun'; readonly kind: Kind; readonly id: string; readonly key?: string | undefined }
  /** It has ended: with `answer`, with `receipt` (and how many of the group received it), or with the code of an error. */
  | { readonly what: 'ended'; readonly id: string; readonly how: string; readonly group?: number | undefined }
  /** A handler begins, and has come to its end. */
  | { readonly what: 'handles'; readonly kind: Kind; readonly id: string; readonly attempt?: number | undefined }
  | { readonly what: 'handled'; readonly kind: Kind; readonly id: string }
  /** A handler throws, as it was told to. */
  | { readonly what: 'throws'; readonly id: string }
  /** The bus has lost its connection, and has it again. */
  | { readonly what: 'interrupted'; readonly reason: string }
  | { readonly what: 'resumed' }
  | { readonly what: 'health'; readonly rss: number }
  /** Nothing happened in this process for so long, in milliseconds, of which it computed so long. */
  | { readonly what: 'stood still'; readonly for: number; readonly computing: number }
  | { readonly what: 'stats'; readonly missed: number; readonly dropped: number; readonly recovered: number }
  /** A warning or an error of Belfry's. */
  | { readonly what: 'logs'; readonly text: string }
  | { readonly what: 'wrong'; readonly text: string }
  | { readonly what: 'end' }
);

type Unwritten<L> = L extends unknown ? Omit<L, 'at'> : never;

/** The diary of this process. */
export class Diary {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  write(line: Unwritten<Line>): void {
    writeSync(this.#file, `${JSON.stringify({ at: Date.now(), ...line })}\n`);
  }
}

/** Reads on in a diary that is being written. */
export class DiaryReader {
  readonly #path: string;
  readonly #buffer = Buffer.alloc(1 << 18);
  #position = 0;
  #rest = '';

  constructor(path: string) {
    this.#path = path;
  }

  /** The lines that have come since the last call. What was being written when the process was killed is no line. */
  *read(): Generator<Line> {
    const file = openSync(this.#path, 'a+');
    try {
      for (let length = 1; length > 0; ) {
        length = readSync(file, this.#buffer, 0, this.#buffer.length, this.#position);
        this.#position += length;
        const lines = (this.#rest + this.#buffer.toString('latin1', 0, length)).split('\n');
        this.#rest = lines.pop() ?? '';
        for (const line of lines) yield JSON.parse(line) as Line;
      }
    } finally {
      closeSync(file);
    }
  }
}
