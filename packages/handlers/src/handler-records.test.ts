import { defineEvent } from '@belfry/contracts';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { Subscribe, subscriptionsOf } from './index.js';

const First = defineEvent('a.first', { schema: z.object({}) });
const Second = defineEvent('a.second', { schema: z.object({}) });

it('lists what a class subscribes to in the order in which it is written', () => {
  class Both {
    @Subscribe(First, { concurrency: 1 })
    @Subscribe(Second)
    several() {}
    @Subscribe('a.*')
    pattern() {}
  }
  expect(subscriptionsOf(Both)).toEqual([
    { source: First, options: { concurrency: 1 }, handlerClass: Both, method: 'several', place: 'Both.several' },
    { source: Second, options: {}, handlerClass: Both, method: 'several', place: 'Both.several' },
    { source: 'a.*', options: {}, handlerClass: Both, method: 'pattern', place: 'Both.pattern' },
  ]);
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
