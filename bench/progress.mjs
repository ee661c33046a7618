// How far the run is, on standard error: one line that is written over on a terminal, one line per case elsewhere.

export function startProgress(total) {
  const { isTTY } = process.stderr;
  const began = performance.now();
  let number = 0;
  let title = '';
  const clear = () => isTTY && process.stderr.write('\r\x1b[K');
  return {
    /** Begins with a case. Returns what ends it. */
    begin(caseTitle) {
      number++;
      title = caseTitle;
      const caseBegan = performance.now();
      return () => {
        clear();
        if (!isTTY) process.stderr.write(`[${number}/${total}] ${title}: ${seconds(caseBegan)}\n`);
      };
    },
    tell(what) {
      if (!isTTY) return;
      const line = `[${number}/${total}] ${seconds(began)} ${title}: ${what}`;
      process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`);
    },
    end: clear,
  };
}

const seconds = (since) => `${Math.round((performance.now() - since) / 1000)} s`;
