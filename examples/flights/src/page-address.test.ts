import { expect, it } from 'vitest';
import { pageAddressFrom } from './page-address.js';

it('there is a page only where somebody wants one', () => {
  expect(pageAddressFrom({})).toBeUndefined();
  expect(pageAddressFrom({ BOARD_PORT: '', BOARD_HOST: '0.0.0.0' })).toBeUndefined();
});

it('only this machine sees it, unless somebody says otherwise', () => {
  expect(pageAddressFrom({ BOARD_PORT: '8080' })).toEqual({ port: 8080, host: '127.0.0.1' });
  expect(pageAddressFrom({ BOARD_PORT: '0', BOARD_HOST: '0.0.0.0' })).toEqual({ port: 0, host: '0.0.0.0' });
});

it.each(['http', '-1', '70000', '80.5'])('%s is no port', (BOARD_PORT) => {
  expect(() => pageAddressFrom({ BOARD_PORT })).toThrow('BOARD_PORT must be a port');
});
