import { expect, it } from 'vitest';
import { type Receiving, Running } from './running.js';

it('ends once, in order: the links, what has come, and then its place', async () => {
  const said: string[] = [];
  const receiver: Receiving = {
    stats: {} as Receiving['stats'],
    idle: async () => void said.push('idle'),
    abandon: () => {},
  };
  const running = new Running<Receiving, { readonly name: string }>();
  const links = ['a', 'b'].map((name) => ({ end: async () => void said.push(name) }));
  const handle = running.add(receiver, { name: 'it' }, links, () => said.push('ended'));
  expect([running.handles, running.receivers]).toEqual([[handle], [receiver]]);
  expect(handle.name).toBe('it');
  await Promise.all([handle.end(), handle.end()]);
  expect(said).toEqual(['a', 'b', 'idle', 'ended']);
  expect([running.handles, running.receivers]).toEqual([[], []]);
});

it('ends, too, when a link cannot be ended', async () => {
  const running = new Running<Receiving, { readonly name: string }>();
  const receiver: Receiving = { stats: {} as Receiving['stats'], idle: async () => {}, abandon: () => {} };
  let ended = false;
  const link = { end: () => Promise.reject(new Error('the broker is away')) };
  await running.add(receiver, { name: 'it' }, [link], () => (ended = true)).end();
  expect([ended, running.handles]).toEqual([true, []]);
});
