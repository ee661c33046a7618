// NestJS: a microservice with the Redis transport, and its client proxy. Decorators are called as functions: this is plain JavaScript.
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientProxyFactory, EventPattern, MessagePattern, Transport } from '@nestjs/microservices';
import { firstValueFrom, from } from 'rxjs';

const redis = ({ url }) => {
  const { hostname: host, port } = new URL(url);
  return { transport: Transport.REDIS, options: { host, port: Number(port) } };
};

async function connect(options) {
  const client = ClientProxyFactory.create(redis(options));
  await client.connect();
  return client;
}

/** A microservice whose only controller has one method for each pattern. */
async function serve(options, methods) {
  class Orders {}
  for (const [name, decorate, method] of methods) {
    Orders.prototype[name] = method;
    decorate(Orders.prototype, name, Object.getOwnPropertyDescriptor(Orders.prototype, name));
  }
  Controller()(Orders);
  class App {}
  Module({ controllers: [Orders] })(App);
  const app = await NestFactory.createMicroservice(App, { ...redis(options), logger: false });
  await app.listen();
  return app;
}

export async function publisher(options) {
  const client = await connect(options);
  const publish = (order) => firstValueFrom(client.emit('orders.placed', order), { defaultValue: undefined });
  return { publish, close: () => client.close() };
}

export const subscriber = (options, take) => serve(options, [['placed', EventPattern('orders.placed'), take]]);

export async function caller(options) {
  const client = await connect(options);
  const ask = (order) => firstValueFrom(client.send('pricing.quote', order));
  return { ask, close: () => client.close() };
}

export const responder = (options, answer) => serve(options, [['quote', MessagePattern('pricing.quote'), answer]]);

export async function reader(options) {
  const client = await connect(options);
  const read = (order, take) => client.send('pricing.quotes', order).forEach(take);
  return { read, close: () => client.close() };
}

export const source = (options, values) =>
  serve(options, [['quotes', MessagePattern('pricing.quotes'), (order) => from(values(order))]]);

export const listener = ({ channels, ...options }, take) =>
  serve(
    options,
    Array.from({ length: channels }, (_, n) => [`placed${n}`, EventPattern(`orders.placed.n${n}`), take]),
  );
