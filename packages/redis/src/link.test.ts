import type { TransportNews } from '@belfry/core';
import { describe, expect, it } from 'vitest';
import { Link } from './link.js';

function start() {
  const told: TransportNews[] = [];
  const clock = { time: 1000, now: () => clock.time, after: () => ({ cancel: () => {} }) };
  return { told, clock, link: new Link({ tell: (news) => told.push(news), clock }) };
}

describe('how both connections stand', () => {
  it('is told once when they come up', () => {
    const { told, link } = start();
    link.up('commands');
    link.up('subscriber');
    expect(told).toEqual([{ what: 'connected' }]);
  });

  it('is an interruption from the first that goes to the last that is back', () => {
    const { told, link, clock } = start();
    link.up('commands');
    link.up('subscriber');
    link.down('subscriber', 'no sign of life');
    clock.time += 100;
    link.down('commands', 'reset');
    clock.time += 100;
    link.up('subscriber');
    expect(told).toHaveLength(2);
    clock.time += 50;
    link.up('commands');
    expect(told.slice(1)).toEqual([
      { what: 'interrupted', reason: 'no sign of life' },
      { what: 'resumed', outageMs: 250 },
    ]);
  });

  it('is told again for each interruption', () => {
    const { told, link } = start();
    link.up('commands');
    for (let n = 0; n < 3; n++) {
      link.down('commands', undefined);
      link.up('commands');
    }
    expect(told.map(({ what }) => what)).toEqual([
      'connected',
      ...['interrupted', 'resumed', 'interrupted', 'resumed', 'interrupted', 'resumed'],
    ]);
  });

  it('is one interruption when a connection was about to be back', () => {
    const { told, link } = start();
    link.up('commands');
    link.down('commands', 'reset');
    link.down('commands', 'reset again');
    link.up('commands');
    expect(told.map(({ what }) => what)).toEqual(['connected', 'interrupted', 'resumed']);
  });

  it('is interrupted as long as Redis refuses what it had allowed, which is no outage of what it allows', () => {
    const { told, link, clock } = start();
    link.up('commands');
    link.up('subscriber');
    link.down('subscriber', 'reset');
    link.refused('subscriptions', 'NOPERM');
    clock.time += 100;
    link.up('subscriber');
    expect(told.map(({ what }) => what)).toEqual(['connected', 'interrupted']);
    clock.time += 60_000;
    expect(link.resumedAt).toBe(1100);
    link.allowed('subscriptions');
    expect(told.at(-1)).toEqual({ what: 'resumed', outageMs: 60_100 });
    expect(link.resumedAt).toBe(61_100); // what was refused has missed something until now
    link.allowed('subscriptions');
    expect(told).toHaveLength(3);
  });
});
