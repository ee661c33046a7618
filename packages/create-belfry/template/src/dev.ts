// npm run dev: every service in this process, and an order, so that there is something to see. It starts again when a file changes.
import { runService } from 'belfry';
import { Orders } from './contracts.js';
import { services } from './services.js';

const [first] = await Promise.all([...services.values()].map((service) => runService(service)));
await first?.bus.publish(Orders, { sku: 'bell', pieces: 2 });
