/** A new instance's id: 16 random hexadecimal digits. */
export function newInstanceId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Names an instance's messages, uniquely and without coordination: its id and a counter. */
export function messageIds(instance: string): () => string {
  let count = 0;
  return () => `${instance}-${(count++).toString(36)}`;
}

/** Whether it names an instance: `/service/instance`. Letters to anybody else would reach nobody. */
export const isInstance = (source: string): boolean => /^\/[A-Za-z0-9._-]+\/[0-9a-f]{16}$/.test(source);
