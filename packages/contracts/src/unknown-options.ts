/** Says which options nobody knows: in one clause, so that those that there are stand there once. Empty when all are known. */
export function unknownOptions(options: object, known: readonly string[]): string[] {
  const unknown = Object.keys(options).filter((name) => !known.includes(name));
  if (unknown.length === 0) return [];
  const names = unknown.map((name) => JSON.stringify(name)).join(', ');
  return [`${names} ${unknown.length === 1 ? 'is no option' : 'are no options'} (there are ${known.join(', ')})`];
}
