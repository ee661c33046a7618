import { defineEvent, defineRequest } from '@belfry/contracts';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { handlersOf, Respond, Subscribe, subscriptionsOf } from './index.js';

const First = defineEvent('a.first', { schema: z.object({}) });
const Second = defineEvent('a.second', { schema: z.object({}) });
const Ask = defineRequest('a.ask', { input: z.object({}), output: z.number() });
const AskMore = defineRequest('a.ask-more', { input: z.object({}), output: z.number() });

it('lists what a class subscribes to in the order in which it is written', () => {
  class Both {
    @Subscribe(First, { concurrency: 1 })
    @Subscribe(Second)
    several() {}
    @Subscribe('a.*')
    pattern() {}
  }
  const on = (method: string) => ({ handlerClass: Both, method, place: `Both.${method}` });
  expect(subscriptionsOf(Both)).toEqual([
    { kind: 'subscribe', source: First, options: { concurrency: 1 }, ...on('several') },
    { kind: 'subscribe', source: Second, options: {}, ...on('several') },
    { kind: 'subscribe', source: 'a.*', options: {}, ...on('pattern') },
  ]);
});

it('lists what a class answers among all that it handles, also on one method', () => {
  class Both {
    @Respond(AskMore)
    more() {
      return 2;
    }
    @Subscribe(First)
    @Respond(Ask, { concurrency: 1 })
    several() {
      return 1;
    }
  }
  const on = (method: string) => ({ handlerClass: Both, method, place: `Both.${method}` });
  expect(handlersOf(Both)).toEqual([
    { kind: 'respond', contract: AskMore, options: {}, ...on('more') },
    { kind: 'subscribe', source: First, options: {}, ...on('several') },
    { kind: 'respond', contract: Ask, options: { concurrency: 1 }, ...on('several') },
  ]);
  expect(subscriptionsOf(Both)).toEqual([{ kind: 'subscribe', source: First, options: {}, ...on('several') }]);
});

it('knows symbols, and methods that another decorator wraps', () => {
  const key = Symbol('secret');
  const wrap = (_: object, __: string | symbol, descriptor: PropertyDescriptor) => ({ ...descriptor, value: () => {} });
  class Odd {
    @Subscribe(First)
    [key]() {}
    @wrap
    @Subscribe(Second)
    wrapped() {}
  }
  const [symbol, wrapped] = subscriptionsOf(Odd);
  expect(symbol?.place).toBe('Odd.Symbol(secret)');
  expect(wrapped?.source).toBe(Second);
});

it('leaves the base class alone when a subclass decorates', () => {
  class Base {
    @Subscribe(First)
    handle() {}
  }
  class Derived extends Base {
    @Subscribe(Second)
    override handle() {}
    @Subscribe(First)
    more() {}
  }
  expect(subscriptionsOf(Base).map(({ source }) => source)).toEqual([First]);
  expect(subscriptionsOf(Derived).map(({ place, source }) => [place, source])).toEqual([
    ['Derived.handle', Second],
    ['Derived.more', First],
  ]);
  expect(subscriptionsOf(class {})).toEqual([]);
});

it('replaces what the base method says of either kind when an override is decorated, and keeps both otherwise', () => {
  class Base {
    @Subscribe(First)
    @Respond(Ask)
    kept() {
      return 1;
    }
    @Subscribe(Second)
    replaced() {
      return 1;
    }
  }
  class Derived extends Base {
    override kept() {
      return 2;
    }
    @Respond(AskMore)
    override replaced() {
      return 2;
    }
  }
  const told = (handlerClass: typeof Base) => handlersOf(handlerClass).map(({ kind, place }) => `${kind} ${place}`);
  expect(told(Derived)).toEqual(['subscribe Derived.kept', 'respond Derived.kept', 'respond Derived.replaced']);
  expect(told(Base)).toEqual(['subscribe Base.kept', 'respond Base.kept', 'subscribe Base.replaced']);
});
