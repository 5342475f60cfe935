import { defineEvent } from 'nest-transport';
import { z } from 'zod';
import type { Order } from '../order.js';

export const orderSchema = z.object({
  orderId: z.string(),
  n: z.number(),
  userId: z.string(),
  items: z.array(z.object({ sku: z.string(), quantity: z.number() })),
  note: z.string(),
});

const key = (order: Order): string => order.orderId;

/** The event with its schema, which is checked on both sides. */
export const checkedOrder = (topic: string) => defineEvent<Order, Order>(topic, { schema: orderSchema, key });

/** The event as raw clients know it: nobody checks the payload. */
export const plainOrder = (topic: string) => defineEvent<Order>(topic, { key });
