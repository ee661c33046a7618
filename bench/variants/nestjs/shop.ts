// For docs/from-nestjs.md: the caller's side. It sells one order, and asks two prices.
import { ClientProxyFactory, Transport } from '@nestjs/microservices';
import { firstValueFrom, timeout } from 'rxjs';

const { hostname: host, port } = new URL(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379');
const events = ClientProxyFactory.create({ transport: Transport.REDIS, options: { host, port: Number(port) } });

// #region shop
events.emit('orders.placed', { orderId: 'o-1', cents: 1250 });

const price = await firstValueFrom(events.send('pricing.quote', { sku: 'bell' }).pipe(timeout(5000)));
// #endregion
console.log(`nest shop: ${JSON.stringify(price)}`);
const error = await firstValueFrom(events.send('pricing.quote', { sku: 'moon' }).pipe(timeout(5000))).catch(
  (reason: unknown) => reason,
);
console.log(`nest shop: ${JSON.stringify(error)}`);
await events.close();
