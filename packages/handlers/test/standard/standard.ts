// Run by tsx with standard decorators, which have no parameter decorators: dependencies are injected into fields.
import { defineEvent, defineRequest, type EventData, type RequestInput } from '@belfry/contracts';
import { createBus } from '@belfry/core';
import { bindHandlers, MessageScoped, Respond, Subscribe } from '@belfry/handlers';
import { Container } from 'inversify';
import { z } from 'zod';

const Asked = defineEvent('tests.asked', { schema: z.object({ n: z.number() }) });
type Asked = EventData<typeof Asked>;
const Double = defineRequest('tests.double', { input: z.object({ n: z.number() }), output: z.number() });
type Double = RequestInput<typeof Double>;
const Count = defineRequest('tests.count', { input: z.object({ to: z.number() }), output: z.number(), stream: true });

class Base {
  @Subscribe(Asked)
  inherited({ n }: Asked) {
    console.log(`inherited ${n}`);
  }

  @Subscribe(Asked, { group: 'second' })
  overridden(_: Asked) {
    console.log('not called');
  }

  @Respond(Double)
  double({ n }: Double) {
    return n + n;
  }

  @Respond(Count)
  async *count({ to }: RequestInput<typeof Count>) {
    for (let n = 1; n <= to; n++) yield n;
  }
}

@MessageScoped()
class Answers extends Base {
  override overridden({ n }: Asked) {
    console.log(`overridden ${n}`);
  }

  override double({ n }: Double) {
    return 2 * n;
  }
}

class Wrong {
  // @ts-expect-error - the handler expects another payload
  @Subscribe(Asked)
  wrong(_: string) {}

  // @ts-expect-error - a static method has no instance
  @Subscribe(Asked)
  static shared() {}

  // @ts-expect-error - the handler expects another input
  @Respond(Double)
  input(_: string) {
    return 1;
  }

  // @ts-expect-error - the contract's output is another
  @Respond(Double)
  output() {
    return 'two';
  }

  // @ts-expect-error - the contract has stream: true, and wants a generator
  @Respond(Count)
  once() {
    return 1;
  }

  // @ts-expect-error - the contract has no stream: true: one answer is wanted
  @Respond(Double)
  async *generator() {
    yield 1;
  }

  // @ts-expect-error - a static method has no instance
  @Respond(Double)
  static answer() {
    return 1;
  }
}

const bus = createBus({ url: 'memory:' });
await bindHandlers(bus, new Container(), [Answers]);
await bus.publish(Asked, { n: 1 });
while (bus.subscriptions.some(({ stats }) => stats.handled === 0)) await new Promise(setImmediate);
console.log(`doubled ${await bus.request(Double, { n: 21 })}`);
for await (const n of bus.request(Count, { to: 2 })) console.log(`counted ${n}`);
await bindHandlers(bus, new Container(), [Wrong]).catch(({ message }) => console.log(message));
await bus.close();
