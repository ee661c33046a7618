/** The real ones, whatever a test puts in their place afterwards: patience with what goes on outside is about time that passes. */
const { setImmediate, setTimeout } = globalThis;
const now = performance.now.bind(performance);

/** Milliseconds that have really passed since some moment. */
export const realNow = (): number => now();

/** Lets the event loop turn once. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Lets time really pass. */
export const realPause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));
