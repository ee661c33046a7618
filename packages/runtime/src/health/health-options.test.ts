import { expect, it } from 'vitest';
import { type HealthOptions, resolveHealth } from './health-options.js';

const resolve = (options?: unknown, variable?: string) => {
  const mistakes: string[] = [];
  const config = resolveHealth(options as HealthOptions | false | undefined, variable, mistakes);
  return { config, mistakes };
};

it('has no port unless somebody says so', () => {
  expect(resolve().config).toBeUndefined();
  expect(resolve(undefined, '').config).toBeUndefined();
  expect(resolve({ host: '127.0.0.1' }).config).toBeUndefined();
  expect(resolve(false, '9464').config).toBeUndefined();
});

it('takes the port from the option, then from the environment', () => {
  expect(resolve({ port: 0 }, '9464').config).toEqual({ port: 0 });
  expect(resolve(undefined, '9464').config).toEqual({ port: 9464 });
  const metrics = () => '';
  expect(resolve({ host: '::1', metrics }, '9464').config).toEqual({ port: 9464, host: '::1', metrics });
});

it.each([
  [{ port: 65_536 }, undefined, 'health: port must be a whole number from 0 to 65535, not 65536'],
  [{ port: '80' }, undefined, 'health: port must be a whole number from 0 to 65535, not "80"'],
  [undefined, 'http', 'BELFRY_HEALTH_PORT must be a whole number from 0 to 65535, not "http"'],
  [undefined, '-1', 'BELFRY_HEALTH_PORT must be a whole number from 0 to 65535, not "-1"'],
  [undefined, '99999', 'BELFRY_HEALTH_PORT must be a whole number from 0 to 65535, not "99999"'],
  [{ port: 1, host: '' }, undefined, 'health: host must be an address, like 127.0.0.1'],
  [{ port: 1, metrics: 'all' }, undefined, 'health: metrics must be a function, like () => registry.metrics()'],
  [{ port: 1, path: '/up' }, undefined, 'health: "path" is no option (there are port, host, metrics)'],
  [true, undefined, 'health must be false or a port, like { port: 9464 }'],
  [9464, undefined, 'health must be false or a port, like { port: 9464 }'],
])('refuses %j with the variable %j', (options, variable, mistake) => {
  expect(resolve(options, variable).mistakes).toEqual([mistake]);
});
