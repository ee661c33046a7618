import { expect } from 'vitest';
import { behaviour } from '../behaviour.js';
import { Counted, type Numbered, numbers } from '../contracts.js';
import { nextTurn, until } from '../waiting.js';

const failures: { how: string; fail: (error: Error) => unknown }[] = [
  {
    how: 'throws',
    fail: (error) => {
      throw error;
    },
  },
  { how: 'rejects at once', fail: (error) => Promise.reject(error) },
  {
    how: 'rejects later',
    fail: async (error) => {
      await nextTurn();
      throw error;
    },
  },
];

/** A handler may fail, the subscription may not. */
export const failingHandlers = [
  ...failures.map(({ how, fail }) =>
    behaviour(`logs and counts a handler that ${how}, and handles the next message`, ['groups'], async (world) => {
      const [publisher, subscriber] = [await world.bus('publisher'), await world.bus('billing')];
      const handled: number[] = [];
      const errors = new Map<number, Error>();
      const handle = ({ n }: Numbered) => {
        if (n % 2 === 0) {
          handled.push(n);
          return undefined;
        }
        errors.set(n, new Error(`failed at ${n}`));
        return fail(errors.get(n)!);
      };
      const { stats } = await subscriber.subscribe(Counted, handle, { concurrency: 1 });
      await Promise.all(numbers(10).map((n) => publisher.publish(Counted, { n })));
      await until(() => stats.handled + stats.failed === 10, 'ten messages');
      expect(handled).toEqual([0, 2, 4, 6, 8]);
      expect(stats).toMatchObject({ received: 10, handled: 5, failed: 5, queued: 0, inFlight: 0 });
      const lines = world.logger.at('error');
      expect(lines.map(({ fields }) => fields.err)).toEqual([...errors.values()]);
      for (const { fields, message } of lines) {
        expect(fields).toMatchObject({ group: 'billing', channel: world.channel(Counted) });
        expect(fields.messageId).toMatch(/./);
        expect(message).toContain('conformance.counted');
      }
    }),
  ),

  behaviour('keeps the failure of one subscriber from the others and from the publisher', ['groups'], async (world) => {
    const [publisher, subscriber] = [await world.bus('publisher'), await world.bus('app')];
    const handled: string[] = [];
    const refuse = () => {
      throw new Error('no');
    };
    await subscriber.subscribe(Counted, refuse, { broadcast: true });
    await subscriber.subscribe(Counted, refuse, { group: 'refusing' });
    await subscriber.subscribe(Counted, () => void handled.push('group'));
    await subscriber.subscribe(Counted, () => void handled.push('broadcast'), { broadcast: true });
    expect(await publisher.publish(Counted, { n: 0 })).toMatchObject({ groups: { refusing: 1, app: 1 } });
    await until(() => handled.length === 2, 'both others');
    await until(() => world.logger.at('error').length === 2, 'both failures');
  }),
];
