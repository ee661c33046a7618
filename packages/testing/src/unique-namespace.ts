import { randomInt } from 'node:crypto';

const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';

/**
 * A short namespace that no other call returns (also not in another process), such as `t-k3x9q0ab`, so that test suites
 * can share one Redis without meeting. Made of lowercase letters, digits and `-`.
 * @param prefix what it starts with, to recognise a suite's keys. Default: `t`
 * @throws TypeError when the prefix contains anything else, or does not start with a letter.
 */
export function uniqueNamespace(prefix = 't'): string {
  if (!/^[a-z][a-z0-9-]*$/.test(prefix)) {
    throw new TypeError(
      `"${prefix}" cannot start a namespace: use lowercase letters, digits and "-", with a letter first`,
    );
  }
  const random = Array.from({ length: 8 }, () => alphabet[randomInt(alphabet.length)]).join('');
  return `${prefix}-${random}`;
}
