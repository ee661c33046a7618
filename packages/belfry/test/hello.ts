// Two services in one process, by tsx: no emitted metadata, everything from the one package.
import {
  defineEvent,
  defineRequest,
  type EventData,
  inject,
  Logger,
  MessageScoped,
  Publisher,
  Requester,
  type RequestInput,
  Respond,
  runService,
  Subscribe,
} from 'belfry';
import { z } from 'zod';

const Greeted = defineEvent('hello.greeted', { schema: z.object({ name: z.string() }) });
type Greeted = EventData<typeof Greeted>;
const Answered = defineEvent('hello.answered', { schema: z.object({ text: z.string() }) });
type Answered = EventData<typeof Answered>;

const Decorate = defineRequest('hello.decorate', { input: z.object({ text: z.string() }), output: z.string() });

@MessageScoped()
class Greeter {
  constructor(
    @inject(Publisher) private readonly publisher: Publisher,
    @inject(Requester) private readonly requester: Requester,
    @inject(Logger) private readonly logger: Logger,
  ) {}

  @Subscribe(Greeted)
  async answer({ name }: Greeted) {
    this.logger.info('answering');
    const text = await this.requester.request(Decorate, { text: `Hello, ${name}` });
    await this.publisher.publish(Answered, { text });
  }
}

class Printer {
  @Respond(Decorate)
  decorate({ text }: RequestInput<typeof Decorate>) {
    return `${text}!`;
  }

  @Subscribe(Answered)
  async print({ text }: Answered) {
    console.log(text);
    void greeter.stop();
    void printer.stop();
  }
}

const greeter = await runService({ name: 'greeter', handlers: [Greeter] });
const printer = await runService({ name: 'printer', handlers: [Printer] });
await printer.bus.publish(Greeted, { name: 'world' });
