// Run by tsx, which emits no metadata: everything is injected by token.
import { defineEvent, defineRequest, type EventData, type RequestInput } from '@belfry/contracts';
import { createBus, Publisher, Requester } from '@belfry/core';
import { bindHandlers, MessageScoped, Respond, Subscribe } from '@belfry/handlers';
import { Container, inject } from 'inversify';
import { z } from 'zod';

const Asked = defineEvent('tests.asked', { schema: z.object({ n: z.number() }) });
type Asked = EventData<typeof Asked>;
const Answered = defineEvent('tests.answered', { schema: z.object({ n: z.number() }) });
type Answered = EventData<typeof Answered>;
const Increment = defineRequest('tests.increment', { input: z.number(), output: z.number() });

@MessageScoped()
class Answers {
  constructor(
    @inject(Publisher) private readonly publisher: Publisher,
    @inject(Requester) private readonly requester: Requester,
  ) {}

  @Subscribe(Asked)
  async answer({ n }: Asked) {
    await this.publisher.publish(Answered, { n: await this.requester.request(Increment, n) });
  }

  @Respond(Increment)
  increment(n: RequestInput<typeof Increment>) {
    return n + 1;
  }
}

class Prints {
  @Subscribe(Answered)
  print({ n }: Answered) {
    console.log(`answered ${n}, metadata ${Reflect.getOwnMetadata('design:paramtypes', Answers)}`);
  }
}

const bus = createBus({ url: 'memory:' });
await bindHandlers(bus, new Container(), [Answers, Prints]);
await bus.publish(Asked, { n: 1 });
while (bus.subscriptions.some(({ stats }) => stats.handled === 0)) await new Promise(setImmediate);
await bus.close();
