// A service with a handler in flight, which goes on when a line comes in.
import { once } from 'node:events';
import { defineEvent } from '@belfry/contracts';
import { Publisher } from '@belfry/core';
import { Subscribe } from '@belfry/handlers';
import { runService } from '@belfry/runtime';
import { inject, preDestroy } from 'inversify';
import { z } from 'zod';

const Asked = defineEvent('tests.asked', { schema: z.object({}) });
const Answered = defineEvent('tests.answered', { schema: z.object({}) });

class Slow {
  constructor(@inject(Publisher) private readonly publisher: Publisher) {}

  @Subscribe(Asked)
  async handle() {
    console.log('entered');
    await once(process.stdin, 'data');
    await this.publisher.publish(Answered, {});
    console.log('finished');
  }

  @preDestroy()
  end() {
    console.log('destroyed');
  }
}

const service = await runService({ name: 'slow', handlers: [Slow] });
await runService({ name: 'other' });
console.log(`ready ${service.ready}`);
await service.bus.publish(Asked, {});
