import { describe, expect, it } from 'vitest';
import { ANY, globOf, INSTANCE, patternsOf, sampleCommand } from './operation.js';

describe('a name in a rule', () => {
  it('is matched by its glob alone', () => {
    expect(globOf(`belfry:{shop:orders.placed}:inbox:${ANY}:${INSTANCE}`)).toBe(
      'belfry:{shop:orders.placed}:inbox:*:????????????????',
    );
    expect(globOf('a*b?c[d]e\\f')).toBe('a\\*b\\?c\\[d\\]e\\\\f');
  });

  it('has a placeholder for every byte that a rule cannot have', () => {
    expect(globOf('my channel (new) "é"\u0085')).toBe('my?channel??new???é???');
  });
});

describe('a command to ask about', () => {
  it('has its names where Redis looks for them', () => {
    expect(sampleCommand({ command: 'xgroup|create', keys: ['log'] })).toEqual(['xgroup', 'create', 'log']);
    expect(sampleCommand({ command: 'evalsha', keys: ['a', 'b'] })).toEqual(['evalsha', '', '2', 'a', 'b']);
    expect(sampleCommand({ command: 'xreadgroup', keys: ['log'] })).toContain('STREAMS');
    expect(sampleCommand({ command: 'spublish', channels: [`inbox:${ANY}:${INSTANCE}`] })).toEqual([
      'spublish',
      'inbox:any:0000000000000000',
    ]);
    expect(sampleCommand({ command: 'psubscribe', channels: [`all:${ANY}`] })).toEqual(['psubscribe', 'all:*']);
  });

  it('says what it touches', () => {
    expect(patternsOf({ command: 'hget', keys: ['k'] })).toEqual(['~k']);
    expect(patternsOf({ command: 'publish', channels: ['c'] })).toEqual(['&c']);
    expect(patternsOf({ command: 'ping' })).toEqual([]);
  });
});
