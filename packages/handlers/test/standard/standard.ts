// Run by tsx with standard decorators, which have no parameter decorators: dependencies are injected into fields.
import { defineEvent, type EventData } from '@belfry/contracts';
import { createBus } from '@belfry/core';
import { bindHandlers, MessageScoped, Subscribe } from '@belfry/handlers';
import { Container } from 'inversify';
import { z } from 'zod';

const Asked = defineEvent('tests.asked', { schema: z.object({ n: z.number() }) });
type Asked = EventData<typeof Asked>;

class Base {
  @Subscribe(Asked)
  inherited({ n }: Asked) {
    console.log(`inherited ${n}`);
  }

  @Subscribe(Asked, { group: 'second' })
  overridden(_: Asked) {
    console.log('not called');
  }
}

@MessageScoped()
class Answers extends Base {
  override overridden({ n }: Asked) {
    console.log(`overridden ${n}`);
  }
}

class Wrong {
  // @ts-expect-error - the handler expects another payload
  @Subscribe(Asked)
  wrong(_: string) {}

  // @ts-expect-error - a static method has no instance
  @Subscribe(Asked)
  static shared() {}
}

const bus = createBus({ url: 'memory:' });
await bindHandlers(bus, new Container(), [Answers]);
await bus.publish(Asked, { n: 1 });
while (bus.subscriptions.some(({ stats }) => stats.handled === 0)) await new Promise(setImmediate);
await bindHandlers(bus, new Container(), [Wrong]).catch(({ message }) => console.log(message));
await bus.close();
