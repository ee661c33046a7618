import type { TransportFactory } from '../transport.js';
export function memoryTransport(url = 'memory:'): TransportFactory {
  throw new Error(url);
}
