import { access } from './access.js';
import { cluster } from './cluster.js';
import { contracts } from './contracts.js';
import { deadLetters, durable } from './durable.js';
import { handling } from './handling.js';
import type { Subject } from './kept-promise.js';
import { loss } from './loss.js';
import { outages } from './outages.js';
import { requests } from './requests.js';
import { services } from './services.js';
import { transient } from './transient.js';
import { badInput, foreign, wire } from './wire.js';

/** Every promise of Belfry, by subject. */
export const subjects: readonly Subject[] = [
  handling,
  transient,
  outages,
  loss,
  cluster,
  access,
  durable,
  deadLetters,
  requests,
  services,
  badInput,
  contracts,
  foreign,
  wire,
];
