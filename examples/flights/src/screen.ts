import logUpdate from 'log-update';
import type { BoardView } from './board.js';
import { boardLines, summaryLine } from './board-lines.js';

/** Where the board is shown. A class, so that it is its own token for `@inject`. */
export abstract class Screen {
  /** May be called for every event. */
  abstract show(view: BoardView): void;
  /** Leaves the last state standing. */
  abstract done(): void | Promise<void>;

  /** A board that updates in place on a terminal that has room for it; else, as when the output is piped, a line for each week. */
  static on(stream: Stream): Screen {
    return hasRoom(stream) ? new Terminal() : new Paper();
  }
}

type Stream = Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'rows'>;

/** Lines that wrap, or scroll away at the top, cannot be drawn over: each drawing would leave debris behind. */
const hasRoom = ({ isTTY, columns, rows }: Stream): boolean => isTTY && columns >= 80 && rows >= 22;

const FRAME_MS = 150;

/** Draws a few times a second, however many flights depart: nobody reads faster. */
class Terminal extends Screen {
  #view: BoardView | undefined;
  readonly #frames = setInterval(() => this.#draw(), FRAME_MS);

  show(view: BoardView): void {
    this.#view = view;
  }

  done(): void {
    clearInterval(this.#frames);
    this.#draw();
    logUpdate.done();
  }

  #draw(): void {
    if (this.#view !== undefined) logUpdate(boardLines(this.#view).join('\n'));
  }
}

const WEEK_MS = 7 * 24 * 60 * 60 * 1000;

class Paper extends Screen {
  #week: number | undefined;

  show(view: BoardView): void {
    const [newest] = view.latest;
    if (newest === undefined) return;
    const week = Math.floor(Date.parse(newest.departedAt.slice(0, 10)) / WEEK_MS);
    if (this.#week !== undefined && week > this.#week)
      console.log(`${newest.departedAt.slice(0, 10)}  ${summaryLine(view)}`);
    this.#week = week;
  }

  done(): void {}
}
