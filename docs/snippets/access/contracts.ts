import { defineEvent, type EventData } from 'belfry';
import { z } from 'zod';

const schema = z.object({ orderId: z.string() });

export const OrderPlaced = defineEvent('orders.placed', { schema, guarantee: 'durable' });
export type OrderPlaced = EventData<typeof OrderPlaced>;

export const PaymentTaken = defineEvent('payments.taken', { schema });
