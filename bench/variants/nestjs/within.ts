// For docs/from-nestjs.md: Belfry's bus within a Nest application.
import 'reflect-metadata';
import { Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type Bus, createBus, Publisher } from 'belfry';
import { OrderPlaced, PaymentTaken } from '../../../docs/snippets/from-nestjs/contracts.js';

const url = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';

// #region within
@Injectable()
class Billing {
  constructor(@Inject(Publisher) private readonly publisher: Publisher) {}

  async charge({ orderId, cents }: OrderPlaced) {
    console.log(`nest with belfry: takes ${cents} cents for ${orderId}`);
    await this.publisher.publish(PaymentTaken, { orderId });
  }
}

@Module({ providers: [Billing, { provide: Publisher, useFactory: () => createBus({ name: 'billing', url }) }] })
class App implements OnApplicationShutdown {
  constructor(@Inject(Publisher) private readonly bus: Bus) {}

  async onApplicationShutdown() {
    await this.bus.close(); // finishes what has arrived
  }
}

const app = await NestFactory.createApplicationContext(App, { logger: false });
app.enableShutdownHooks();
await app.get<Publisher, Bus>(Publisher).subscribe(OrderPlaced, (order) => app.get(Billing).charge(order));
// #endregion
console.log('nest with belfry is ready');
