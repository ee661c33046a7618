import type { BoardView } from './board.js';
import { BoardChanges, type BoardOnPage } from './board-changes.js';
import { EventStreams } from './event-streams.js';
import { type PageAddress, PageServer } from './page-server.js';
import { Screen } from './screen.js';

const TICK_MS = 400;
const NOTHING: BoardOnPage = { departures: 0, delayed: 0, latest: [], longest: [], airports: [] };

/** Shows the board as a page in browsers: a few times a second they are told what has changed. */
export class PageScreen extends Screen {
  readonly #changes = new BoardChanges();
  readonly #streams = new EventStreams({ snapshot: () => this.#snapshot() });
  readonly #server = new PageServer(this.#streams);
  readonly #ticks = setInterval(() => this.#tell(), TICK_MS);
  #view: BoardView | undefined;
  #hasChanged = false;
  #url = '';

  /** Resolves when the page can be looked at. */
  static async open(address: PageAddress): Promise<PageScreen> {
    const screen = new PageScreen();
    try {
      screen.#url = await screen.#server.listen(address);
      return screen;
    } catch (error) {
      clearInterval(screen.#ticks);
      screen.#streams.close();
      throw error;
    }
  }

  get url(): string {
    return this.#url;
  }

  show(view: BoardView): void {
    this.#view = view;
    this.#hasChanged = true;
  }

  async done(): Promise<void> {
    clearInterval(this.#ticks);
    this.#tell();
    await this.#server.close();
  }

  #tell(): void {
    if (this.#view === undefined || !this.#hasChanged) return;
    this.#hasChanged = false;
    const update = this.#changes.update(this.#view);
    this.#streams.send(update === undefined ? this.#snapshot() : { name: 'update', data: update });
  }

  #snapshot() {
    return { name: 'snapshot', data: this.#view === undefined ? NOTHING : this.#changes.snapshot(this.#view) };
  }
}
