import { defineChannel, defineEvent } from '@belfry/contracts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type BusOptions, consoleLogger, createBus, systemClock } from './index.js';
import { resolveBusOptions, resolveSubscribeOptions } from './options.js';

const bus = (options: object) => () => createBus(options as BusOptions);
const event = defineEvent('orders.placed', { schema: z.string() });
const durable = defineEvent('orders.placed', { schema: z.string(), guarantee: 'durable' });
const channel = defineChannel('mychannel');

describe('the options of a bus', () => {
  it('have the defaults that are written at them', () => {
    expect(resolveBusOptions({ url: 'memory:' })).toEqual({
      name: 'app',
      emits: [],
      namespace: 'belfry',
      transport: expect.any(Function),
      logger: consoleLogger,
      validate: { publish: true, receive: true },
      middleware: [],
      publicChannels: true,
      exposeErrors: false,
      maxMessageBytes: 1_048_576,
      clock: systemClock,
    });
  });

  it('switch the checks on either side', () => {
    const of = (validate: BusOptions['validate']) =>
      resolveBusOptions({ url: 'memory:', validate: validate! }).validate;
    expect(of(false)).toEqual({ publish: false, receive: false });
    expect(of({ receive: false })).toEqual({ publish: true, receive: false });
    expect(of({ publish: false })).toEqual({ publish: false, receive: true });
  });

  it.each([
    ['no url and no transport', {}, 'one of url and transport must be given'],
    ['both url and transport', { url: 'memory:', transport: () => {} }, 'one of url and transport must be given'],
    ['a url that is no text', { url: 7 }, 'url must be a text'],
    ['a transport that is no factory', { transport: {} }, 'transport must be a factory'],
    ['an unknown option', { url: 'memory:', retries: 3 }, '"retries" is no option'],
    ['a name with a space', { url: 'memory:', name: 'my app' }, 'name must be letters'],
    ['an empty name', { url: 'memory:', name: '' }, 'name must be letters'],
    ['a namespace with a star', { url: 'memory:', namespace: 'a*' }, 'namespace must be letters'],
    ['a namespace with a brace', { url: 'memory:', namespace: 'a{b}' }, 'namespace must be letters'],
    ['a half of a logger', { url: 'memory:', logger: { info() {} } }, 'logger must have the methods'],
    ['no logger at all', { url: 'memory:', logger: null }, 'logger must have the methods'],
    ['a broken clock', { url: 'memory:', clock: { now: 0 } }, 'clock must have the methods'],
    ['an odd validate', { url: 'memory:', validate: 'yes' }, 'validate must be'],
    ['no validate at all', { url: 'memory:', validate: null }, 'validate must be'],
    ['an odd half of validate', { url: 'memory:', validate: { publish: 1 } }, 'validate must be'],
    ['an unknown half of validate', { url: 'memory:', validate: { publsh: false } }, '"publsh" is no option'],
    ['a middleware that is no list', { url: 'memory:', middleware: () => {} }, 'middleware must be a list'],
    ['a middleware that is no function', { url: 'memory:', middleware: [7] }, 'middleware must be a list'],
    ['odd publicChannels', { url: 'memory:', publicChannels: 1 }, 'publicChannels must be'],
    ['a limit of nothing', { url: 'memory:', maxMessageBytes: 0 }, 'maxMessageBytes must be'],
  ])('refuse %s', (_, options, clause) => {
    expect(bus(options)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
    expect(bus(options)).toThrow(clause);
  });

  it('say every mistake at once', () => {
    expect(bus({ name: '', namespace: '', maxMessageBytes: -1, oops: 1 })).toThrow(
      /"oops".*url and transport.*name must.*namespace must.*maxMessageBytes must/,
    );
  });

  it('refuse a URL that core has no transport for, and do not repeat its password', () => {
    expect(bus({ url: 'redis://user:secret@host' })).toThrow(expect.objectContaining({ code: 'TRANSPORT_UNKNOWN' }));
    expect(bus({ url: 'redis://user:secret@host' })).toThrow(/redis: URLs.*redisTransport/);
    expect(bus({ url: 'redis://user:secret@host' })).not.toThrow(/secret/);
    expect(bus({ url: 'nonsense' })).toThrow(expect.objectContaining({ code: 'TRANSPORT_UNKNOWN' }));
  });
});

describe('the options of a subscription', () => {
  const resolve = (options: object, contracts: readonly (typeof event | typeof channel)[] = [event]) =>
    resolveSubscribeOptions('orders.placed', options, 'billing', contracts);

  it('have the defaults that are written at them', () => {
    expect(resolve({})).toEqual({
      group: 'billing',
      concurrency: 16,
      maxQueuedMessages: 100_000,
      maxQueuedBytes: 4_194_304,
      drop: 'newest',
      durable: {
        retry: { attempts: 10, type: 'exponential', delay: 500, maxDelay: 60_000, factor: 2, jitter: 0.25 },
        claimTimeout: 30_000,
        from: 'start',
        once: undefined,
      },
    });
  });

  it('name the group, or none for a broadcast', () => {
    expect(resolve({ group: 'billing.audit' }).group).toBe('billing.audit');
    expect(resolve({ broadcast: false }).group).toBe('billing');
    expect(resolve({ broadcast: true }).group).toBeUndefined();
    expect(resolve({}, [channel]).group).toBeUndefined();
    expect(resolve({ broadcast: true }, []).group).toBeUndefined();
  });

  it.each([
    ['an unknown option', { retries: 3 }, [event], '"retries" is no option'],
    ['attempts for a transient event', { retry: { attempts: 3 } }, [event], 'retry is for durable events'],
    ['a claim timeout for a broadcast', { broadcast: true, claimTimeout: '1m' }, [durable], 'a broadcast has none'],
    ['no claim timeout', { claimTimeout: 5 }, [durable], 'claimTimeout must be'],
    ['another beginning', { from: 'then' }, [durable], 'from must be'],
    ['a window that is no duration', { once: '1 d' }, [durable], 'once must be'],
    ['a number for a policy', { retry: 3 }, [durable], 'retry must be an object'],
    ['no attempts', { retry: { attempts: 0 } }, [durable], 'retry.attempts must be'],
    ['an unknown word of a policy', { retry: { max: 1 } }, [durable], '"retry.max" is no option'],
    ['an odd backoff', { retry: { backoff: { type: 'odd' } } }, [durable], 'retry.backoff.type must be'],
    ['a jitter beyond all', { retry: { backoff: { jitter: 2 } } }, [durable], 'retry.backoff.jitter must be'],
    ['a shrinking pause', { retry: { backoff: { factor: 0.5 } } }, [durable], 'retry.backoff.factor must be'],
    ['a pause that is none', { retry: { backoff: { delay: 'soon' } } }, [durable], 'retry.backoff.delay must be'],
    ['a group with a space', { group: 'a b' }, [event], 'group must be'],
    ['a group and a broadcast', { group: 'a', broadcast: true }, [event], 'exclude each other'],
    ['an odd broadcast', { broadcast: 1 }, [event], 'broadcast must be'],
    ['a group on a bare channel', { group: 'a' }, [channel], 'always broadcast'],
    ['a group where one of the contracts is a bare channel', { group: 'a' }, [event, channel], 'always broadcast'],
    ['a group on a pattern', { group: 'a' }, [], 'always broadcast'],
    ['no broadcast on a pattern', { broadcast: false }, [], 'always broadcast'],
    ['a concurrency of 0', { concurrency: 0 }, [event], 'concurrency must be'],
    ['half a message', { maxQueuedMessages: 1.5 }, [event], 'maxQueuedMessages must be'],
    ['no bytes', { maxQueuedBytes: '1' }, [event], 'maxQueuedBytes must be'],
  ] as const)('refuse %s', (_, options, contracts, clause) => {
    expect(() => resolve(options, contracts)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
    expect(() => resolve(options, contracts)).toThrow(`subscription to orders.placed: `);
    expect(() => resolve(options, contracts)).toThrow(clause);
  });
});
