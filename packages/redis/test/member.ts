// A process of its own, to be killed: `node … member.ts <url> <namespace> <group>` prints the numbers that it handles.

import { defineEvent } from '@belfry/contracts';
import { createBus } from '@belfry/core';
import { redisTransport } from '@belfry/redis';
import { z } from 'zod';

const [url = '', namespace = '', name = ''] = process.argv.slice(2);
const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ n: z.number() }) });
const bus = createBus({ name, namespace, transport: redisTransport({ url }) });
await bus.subscribe(OrderPlaced, ({ n }) => void process.stdout.write(`${n}\n`));
process.stdout.write('ready\n');
