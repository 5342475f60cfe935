import { defineEvent } from 'nest-transport';
import { z } from 'zod';
import { orderItemSchema } from './order-created.js';
import { shopTopic } from './topic-prefix.js';

export const stockReservedSchema = z.object({
  orderId: z.uuid(),
  items: z.array(orderItemSchema).min(1),
});

export const stockRejectedSchema = z.object({
  orderId: z.uuid(),
  /** Why, for a customer to read: `2 x "lamp" wanted, 1 left`. */
  reason: z.string().min(1),
});

export type StockReservedData = z.infer<typeof stockReservedSchema>;
export type StockRejectedData = z.infer<typeof stockRejectedSchema>;

/** All items of the order are set aside. */
export const StockReserved = defineEvent('stock.reserved', {
  topic: shopTopic('stock.reserved'),
  schema: stockReservedSchema,
  key: (outcome) => outcome.orderId,
});

/** Nothing of the order is set aside, because at least one item cannot be filled. */
export const StockRejected = defineEvent('stock.rejected', {
  topic: shopTopic('stock.rejected'),
  schema: stockRejectedSchema,
  key: (outcome) => outcome.orderId,
});
