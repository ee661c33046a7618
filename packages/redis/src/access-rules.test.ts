import type { Usage } from '@belfry/core';
import { describe, expect, it } from 'vitest';
import { accessRules, toRules } from './access-rules.js';

const bare: Usage[] = [
  { kind: 'publishBare', channel: 'out' },
  { kind: 'hearBare', channel: 'in' },
];

describe('the rules of a user', () => {
  it('are one line, that replaces what the user could do before', () => {
    const { command, line, rules } = accessRules({ user: 'gateway', usages: bare });
    expect(command).toBe(
      [
        'ACL SETUSER gateway on clearselectors resetkeys resetchannels -@all',
        '+client|setname +eval +info +ping +pubsub|numsub +punsubscribe +script|load +sunsubscribe +unsubscribe',
        '(+spublish +ssubscribe resetchannels &belfry:{????????????????}:probe)',
        '(+publish resetchannels &out) (+subscribe resetchannels &in)',
      ].join(' '),
    );
    expect(line).toBe(command.replace('ACL SETUSER', 'user'));
    expect(command).toBe(`ACL SETUSER gateway ${rules.join(' ')}`);
  });

  it('never quote the password', () => {
    const { command } = accessRules({ user: 'gateway', usages: [], password: 'p' });
    expect(command).toContain('on resetpass #148de9c5a7a44d19e56cd9ae1a554bf67847afb0c58f6e12fa29ac7ddfca9940 clear');
    expect(accessRules({ user: 'gateway', usages: [] }).command).not.toMatch(/resetpass|#|nopass/);
  });

  it('name the database, the Cluster, and what somebody adds', () => {
    const { rules } = accessRules({ user: 'u', usages: bare, database: 3, extra: ['(+hincrby ~totals)', '+time'] });
    expect(rules).toEqual(expect.arrayContaining(['+select|3', '(+hincrby ~totals)', '+time']));
    const usages: Usage[] = [{ kind: 'hear', channel: 'shop:orders.placed', recovered: false }];
    expect(accessRules({ user: 'u', usages }).command).toContain(
      '(+subscribe resetchannels &belfry:{shop:orders.placed}:all &belfry:{shop:orders.placed}:all:02)',
    );
    expect(accessRules({ user: 'u', usages, cluster: true }).command).toMatch(
      /\+cluster\|slots .*\(\+ssubscribe resetchannels &belfry:\{shop:orders\.placed\}:all &/,
    );
  });

  it('are refused for what is no user and no rule', () => {
    for (const options of [{ user: 'two words' }, { user: '' }, { user: 'u', extra: ['allkeys'] }])
      expect(() => accessRules({ usages: [], ...options })).toThrow(
        expect.objectContaining({ code: 'OPTION_INVALID' }),
      );
  });
});

describe('selectors', () => {
  it('hold together what has the same commands, and keep apart what has not', () => {
    expect(
      toRules([
        { command: 'hget', keys: ['a'] },
        { command: 'hset', keys: ['b'] },
        { command: 'hset', keys: ['a'] },
        { command: 'hget', keys: ['c'] },
        { command: 'hset', keys: ['c'] },
        { command: 'time' },
      ]),
    ).toEqual(['+time', '(+hget +hset ~a ~c)', '(+hset ~b)']);
  });

  it('hold together all keys with which scripts are run', () => {
    expect(
      toRules([
        { command: 'evalsha', keys: ['a', 'b'] },
        { command: 'eval', keys: ['a', 'b'] },
        { command: 'hget', keys: ['a'] },
      ]),
    ).toEqual(['(+eval +evalsha ~a ~b)', '(+hget ~a)']);
  });
});
