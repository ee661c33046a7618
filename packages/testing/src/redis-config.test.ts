import { expect, it } from 'vitest';
import { redisConf } from './redis-config.js';

it('writes one line for each setting, the later replacing the earlier', () => {
  expect(redisConf({ save: '', maxmemory: '1mb' }, { maxmemory: '2mb' })).toBe('save ""\nmaxmemory 2mb\n');
});

it('repeats a line for each value of a list', () => {
  expect(redisConf({ user: ['a on ~*', 'b off'] })).toBe('user a on ~*\nuser b off\n');
});
