import type { Logger } from 'belfry';
import type { BoardView } from './board.js';
import type { PageAddress } from './page-server.js';
import { PageScreen } from './page-screen.js';
import { Screen } from './screen.js';

/** The terminal; with an address, a page for browsers too. */
export async function openScreen(
  stream: NodeJS.WriteStream,
  address: PageAddress | undefined,
  logger: Logger,
): Promise<Screen> {
  if (address === undefined) return Screen.on(stream);
  const page = await PageScreen.open(address);
  logger.info(`The board is at ${page.url}.`);
  return new Screens([page, Screen.on(stream)]);
}

/** Shows the same on several. */
class Screens extends Screen {
  constructor(private readonly screens: readonly Screen[]) {
    super();
  }

  show(view: BoardView): void {
    for (const screen of this.screens) screen.show(view);
  }

  async done(): Promise<void> {
    await Promise.all(this.screens.map((screen) => screen.done()));
  }
}
