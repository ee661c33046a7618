export { memoryTransport, type MemoryTransportOptions } from './memory-transport.js';
