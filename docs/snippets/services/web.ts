import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { createService, runInContext, type Service, type ServiceOptions } from 'belfry';
import { OrderPlaced } from './messages.js';

// #region web
/** An HTTP server and a service in one process: an order comes in, an event goes out. */
export async function startShop({ port, ...options }: Partial<ServiceOptions> & { readonly port: number }) {
  const service = createService({ name: 'shop', ...options });
  await service.start(); // before the first order comes in

  const server = createServer(async (request, response) => {
    response.statusCode = await placeOrder(service, request);
    response.end();
  });
  await once(server.listen(port), 'listening');

  const stop = async () => {
    const cut = setTimeout(() => server.closeAllConnections(), 5000); // who is still sending by then
    await once(server.close(), 'close'); // no new orders; those that are being placed are answered,
    clearTimeout(cut);
    await service.stop(); // and only then the bus goes
  };
  return { address: server.address() as AddressInfo, stop };
}

/** The status of the answer. */
async function placeOrder({ bus, logger }: Service, request: IncomingMessage): Promise<number> {
  const order = OrderPlaced.schema.safeParse(await json(request).catch(() => undefined));
  if (!order.success) return 400;
  // All that follows from this order carries the id of the HTTP request.
  const correlationId = String(request.headers['x-request-id'] ?? crypto.randomUUID());
  try {
    await runInContext({ correlationId }, () => bus.publish(OrderPlaced, order.data, { id: order.data.orderId }));
    return 202; // it is in the log
  } catch (error) {
    logger.error({ err: error }, 'an order was not placed');
    return 503; // not in the log, or perhaps: with the same orderId it may be sent again
  }
}
// #endregion
