import { Billing } from './billing.js';
import { Shop } from './shop.js';

/** Every service of this project, by its name. */
export const services = new Map([
  ['shop', { name: 'shop', handlers: [Shop] }],
  ['billing', { name: 'billing', handlers: [Billing] }],
]);
