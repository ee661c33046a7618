import { expect, it } from 'vitest';
import { behaviour } from './behaviour.js';
import { describeTransport } from './describe-transport.js';
import { reasonOf, reasonsByTest } from './skips.js';

const behaviours = [behaviour('flies', ['groups'], async () => {}), behaviour('swims', [], async () => {})];

it('keeps the reason of each skipped test', () => {
  const reasons = reasonsByTest([{ test: 'flies', reason: 'a penguin' }], behaviours);
  expect([...reasons]).toEqual([['flies', 'a penguin']]);
});

it('refuses a skip of a test that does not exist, one without a reason, and one said twice, all at once', () => {
  const swims = { test: 'swims', reason: 'a duck' };
  const skips = [{ test: 'runs', reason: 'no legs' }, { test: 'flies', reason: ' ' }, swims, swims];
  const message = /no test "runs"; "flies" needs a reason; "swims" is skipped twice/;
  expect(() => reasonsByTest(skips, behaviours)).toThrow(message);
});

it('skips what a transport declares that it cannot do, and nothing else', () => {
  const unsupported = { groups: 'everybody gets everything' };
  expect(behaviours.map((each) => reasonOf(unsupported, each))).toEqual([
    'no groups: everybody gets everything',
    undefined,
  ]);
});

it('fails the suite before it begins when a skip is mistaken', () => {
  const describeIt = () =>
    describeTransport('any', {
      create: () => {
        throw new Error('never called');
      },
      skip: [{ test: 'does what no test says', reason: 'a mistake' }],
    });
  expect(describeIt).toThrow(/there is no test "does what no test says"/);
});
