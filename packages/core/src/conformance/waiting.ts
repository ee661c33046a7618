// Generous: a transport may be another continent. A test that passes never waits for so long.
const PATIENCE_MS = 10_000;
const LOOK_AGAIN_MS = 2;

/** Waits for a fact. Rejects when it does not come true, saying what was waited for. */
export async function until(fact: () => boolean | Promise<boolean>, what: string | (() => string)): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await fact())) {
    if (performance.now() > end) throw new Error(`Waited in vain: ${typeof what === 'string' ? what : what()}.`);
    await pause(LOOK_AGAIN_MS);
  }
}

/** Lets time pass: to give something a duration, never to wait for an outcome. */
export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Lets the current turn of the event loop end. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Holds handlers back until the test opens it. */
export class Gate {
  open!: () => void;
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}
