import { runService } from 'belfry';
import { Letters, Shop } from './service.js';

// BELFRY_URL or REDIS_URL says where Redis is.
await runService({ name: 'shop', handlers: [Shop, Letters] });
