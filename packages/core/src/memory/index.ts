export { memoryTransport } from './memory-transport.js';
