import { describe, expect, it } from 'vitest';
import type { Address } from './server.js';
import { changesBetween, movedIn, type SlotMap, SLOTS, toLayout } from './slot-map.js';

const asked: Address = { host: 'asked', port: 1 };
const asTold = (address: Address): Address => address;
const refusal = (message: string): Error => Object.assign(new Error(message), { name: 'ReplyError' });

describe('an answer to CLUSTER SLOTS', () => {
  it('says who serves each slot, and names all nodes, replicas too', () => {
    const reply = [
      [0, 99, ['10.0.0.1', 6379, 'id', []], ['10.0.0.2', 6379, 'id', []]],
      [100, 100, ['10.0.0.3', '6380', 'id', []]],
    ];
    const { slots, nodes } = toLayout(reply, asked, asTold);
    expect(slots).toHaveLength(SLOTS);
    expect([slots[0], slots[99], slots[100], slots[101]]).toEqual([
      '10.0.0.1:6379',
      '10.0.0.1:6379',
      '10.0.0.3:6380',
      undefined,
    ]);
    expect(nodes).toEqual([
      { host: '10.0.0.1', port: 6379 },
      { host: '10.0.0.2', port: 6379 },
      { host: '10.0.0.3', port: 6380 },
    ]);
  });

  it.each([null, '', '?'])('leaves out the host of who answers (%j): it is where it was asked', (host) => {
    expect(toLayout([[0, 0, [host, 7000]]], asked, asTold).slots[0]).toBe('asked:7000');
  });

  it('tells the number of a node whose name it does not know', () => {
    const nodes = [
      ['?', 7000, 'one', ['ip', '10.0.0.1']],
      ['named', 7001, 'two', ['ip', '10.0.0.2']],
      ['?', 7002, 'three', ['hostname', 'ip', 'ip', '10.0.0.3']],
    ];
    expect(toLayout([[0, 0, ...nodes]], asked, asTold).nodes.map(({ host }) => host)).toEqual([
      '10.0.0.1',
      'named',
      '10.0.0.3',
    ]);
  });

  it('is translated from the addresses among the nodes', () => {
    const translate = ({ port }: Address) => ({ host: 'outside', port: port + 1 });
    const { slots, nodes } = toLayout([[5, 5, ['172.20.0.3', 6379]]], asked, translate);
    expect(slots[5]).toBe('outside:6380');
    expect(nodes).toEqual([{ host: 'outside', port: 6380 }]);
  });

  it('may name a range that nobody serves, or nothing at all', () => {
    expect(toLayout([[0, 10]], asked, asTold)).toEqual({ slots: new Array(SLOTS).fill(undefined), nodes: [] });
    expect(toLayout([], asked, asTold).nodes).toEqual([]);
  });

  it.each([null, [1, 2], 7])('is none: %j', (reply) => {
    expect(() => toLayout(reply, asked, asTold)).toThrow();
  });
});

describe('a refusal', () => {
  it.each([
    ['MOVED 3999 127.0.0.1:6381', { host: '127.0.0.1', port: 6381 }],
    ['MOVED 3999 :6381', { host: 'asked', port: 6381 }],
    ['MOVED 3999 ::1:6381', { host: '::1', port: 6381 }],
    ['MOVED 3999 node-1.example:6381', { host: 'node-1.example', port: 6381 }],
  ])('%s leads elsewhere', (message, to) => {
    expect(movedIn(refusal(message), asked, asTold)).toEqual({ slot: 3999, to });
  });

  it.each([
    'MOVED 3999 ?:6381',
    'ASK 3999 127.0.0.1:6381',
    'TRYAGAIN Multiple keys',
    'CLUSTERDOWN Hash slot not served',
    'MOVED',
  ])('%s leads nowhere', (message) => {
    expect(movedIn(refusal(message), asked, asTold)).toBeUndefined();
  });

  it('leads to where that is from here', () => {
    const translate = () => ({ host: 'outside', port: 7 });
    const to = { host: 'outside', port: 7 };
    expect(movedIn(refusal('MOVED 1 172.20.0.3:6379'), asked, translate)).toEqual({ slot: 1, to });
  });
});

describe('changes between two maps', () => {
  const mapOf = (owners: Record<number, string>): SlotMap => {
    const map = new Array<string | undefined>(SLOTS).fill(undefined);
    for (const [slot, owner] of Object.entries(owners)) map[Number(slot)] = owner;
    return map;
  };

  it('are the slots that somebody else serves', () => {
    const before = mapOf({ 0: 'a:1', 1: 'a:1', 16383: 'b:1' });
    expect(changesBetween(before, mapOf({ 0: 'a:1', 1: 'b:1', 16383: 'a:1' }))).toEqual(new Set([1, 16_383]));
  });

  it('are those that are served again, too, but not those that nobody serves any more', () => {
    expect(changesBetween(mapOf({ 0: 'a:1' }), mapOf({ 7: 'b:1' }))).toEqual(new Set([7]));
  });

  it('are none when nothing was known before', () => {
    expect(changesBetween([], mapOf({ 0: 'a:1' }))).toEqual(new Set());
  });
});
