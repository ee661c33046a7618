// For docs/from-nestjs.md, which shows it beside the same in Belfry; it is not measured.
import 'reflect-metadata';
import { Controller, Inject, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxy,
  ClientsModule,
  EventPattern,
  MessagePattern,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices';

const { hostname: host, port } = new URL(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379');
const redis = { transport: Transport.REDIS, options: { host, port: Number(port) } } as const;

// #region billing
@Controller()
class Billing {
  constructor(@Inject('EVENTS') private readonly events: ClientProxy) {}

  @EventPattern('orders.placed')
  charge(@Payload() order: { orderId: string; cents: number }) {
    console.log(`nest billing: takes ${order.cents} cents for ${order.orderId}`);
    this.events.emit('payments.taken', { orderId: order.orderId });
  }

  @MessagePattern('pricing.quote')
  quote(@Payload() { sku }: { sku: string }) {
    if (sku !== 'bell') throw new RpcException('UNKNOWN_SKU');
    return { cents: 1250 };
  }
}

@Module({
  imports: [ClientsModule.register([{ name: 'EVENTS', ...redis }])],
  controllers: [Billing],
})
class App {}

const app = await NestFactory.createMicroservice(App, { ...redis, logger: false });
app.enableShutdownHooks();
await app.listen();
// #endregion
console.log('nest billing is ready');
