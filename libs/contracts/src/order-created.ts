import { defineEvent } from 'nest-transport';
import { z } from 'zod';
import { shopTopic } from './topic-prefix.js';

/** One line of an order. */
export const orderItemSchema = z.object({
  sku: z.string().min(1),
  quantity: z.int().positive(),
});

// z.object drops fields it does not know: an order service may add one before the inventory service learns of it.
export const orderCreatedSchema = z.object({
  orderId: z.uuid(),
  userId: z.string().min(1),
  items: z.array(orderItemSchema).min(1),
  /** The sum of the order in cents, so that no money is ever a fraction. */
  amountCents: z.int().nonnegative(),
});

export type OrderCreatedData = z.infer<typeof orderCreatedSchema>;

/** A customer ordered. Every event of one order has the order's id as key, so they are handled in order. */
export const OrderCreated = defineEvent('order.created', {
  topic: shopTopic('order.created'),
  schema: orderCreatedSchema,
  key: (order) => order.orderId,
});
