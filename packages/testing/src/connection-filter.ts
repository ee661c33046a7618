/** A connection through the proxy, as a filter sees it. */
export interface ConnectionInfo {
  /** 1 for the first connection that the proxy accepted, and so on. */
  readonly id: number;
  /** What the client called itself last with `CLIENT SETNAME` (or `HELLO … SETNAME`); undefined before that. */
  readonly name: string | undefined;
}

/**
 * Picks connections: by the name that their client gave them (equal to a string, or matching an expression), or by any
 * other test. Asked again for each chunk of bytes, so a connection is found as soon as it has its name.
 */
export type ConnectionFilter = { readonly name: string | RegExp } | ((connection: ConnectionInfo) => boolean);

/** True when there is no filter, or it picks this connection. */
export function picks(filter: ConnectionFilter | undefined, connection: ConnectionInfo): boolean {
  if (!filter) return true;
  if (typeof filter === 'function') return filter(connection);
  if (connection.name === undefined) return false;
  // search(), unlike test(), does not depend on where an expression with the flag g stopped before
  return typeof filter.name === 'string' ? filter.name === connection.name : connection.name.search(filter.name) >= 0;
}

/** A setting that can differ between connections: the latest rule that picks a connection counts for it. */
export class ConnectionSetting<T> {
  #rules: { readonly value: T; readonly applies: (connection: ConnectionInfo) => boolean }[] = [];

  constructor(private readonly initial: T) {}

  /**
   * Sets the value for the picked connections, for all when there is no filter.
   * @param among when given, only these connections, none that is opened later
   */
  set(value: T, filter?: ConnectionFilter, among?: ReadonlySet<ConnectionInfo>): void {
    if (!filter && !among) this.#rules = [];
    this.#rules.push({
      value,
      applies: (connection) => (!among || among.has(connection)) && picks(filter, connection),
    });
  }

  /** The value for a connection. */
  for(connection: ConnectionInfo): T {
    return this.#rules.findLast((rule) => rule.applies(connection))?.value ?? this.initial;
  }
}
