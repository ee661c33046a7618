import { describeTransport } from '@belfry/core/conformance';
import { redisTransport } from '../src/index.js';
import { sharedUrl } from './world.js';

describeTransport('redis', { create: () => redisTransport({ url: sharedUrl }) });
