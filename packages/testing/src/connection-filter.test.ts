import { describe, expect, it } from 'vitest';
import { ConnectionSetting, picks } from './connection-filter.js';

const publisher = { id: 1, name: 'orders' };
const subscriber = { id: 2, name: 'orders:sub' };
const nameless = { id: 3, name: undefined };
const picked = (filter: Parameters<typeof picks>[0]) =>
  [publisher, subscriber, nameless].filter((connection) => picks(filter, connection)).map(({ id }) => id);

describe('a filter', () => {
  it('picks every connection when there is none', () => expect(picked(undefined)).toEqual([1, 2, 3]));
  it('picks by the whole name', () => expect(picked({ name: 'orders' })).toEqual([1]));
  it('picks by an expression, with any flags', () => {
    expect(picked({ name: /^orders/g })).toEqual([1, 2]);
    expect(picked({ name: /:sub$/ })).toEqual([2]);
  });
  it('picks by a function', () => expect(picked(({ id }) => id > 1)).toEqual([2, 3]));
});

describe('a setting', () => {
  it('has its initial value until it is set', () => {
    const setting = new ConnectionSetting(7);
    expect(setting.for(publisher)).toBe(7);
  });

  it('takes the latest value that was set for the connection', () => {
    const setting = new ConnectionSetting('off');
    setting.set('all');
    setting.set('sub', { name: /sub/ });
    expect([publisher, subscriber].map((connection) => setting.for(connection))).toEqual(['all', 'sub']);
    setting.set('off');
    expect([publisher, subscriber].map((connection) => setting.for(connection))).toEqual(['off', 'off']);
  });

  it('can be set for certain connections only', () => {
    const setting = new ConnectionSetting('off');
    setting.set('on', undefined, new Set([publisher]));
    expect([publisher, nameless].map((connection) => setting.for(connection))).toEqual(['on', 'off']);
  });
});
