// node dist/main.js shop: one service in this process, as it is deployed. Without a name: all of them, to try things out.
import { runService } from 'belfry';
import { services } from './services.js';

const [chosen] = process.argv.slice(2);
const running = [...services.values()].filter(({ name }) => chosen === undefined || name === chosen);
if (running.length === 0) {
  console.error(`There is no service ${chosen}: there are ${[...services.keys()].join(' and ')}.`);
  process.exitCode = 1;
}
await Promise.all(running.map((service) => runService(service)));
