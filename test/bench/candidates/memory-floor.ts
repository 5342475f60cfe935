import type { Figures } from '../figures.js';
import { orderOf } from '../order.js';
import { measureSending } from '../outstanding.js';
import type { RowOrder } from './index.js';
import { orderSchema } from './order-event.js';

/** What codec and schema cost on both sides, with nothing between them: no transport can be faster. */
export function memoryFloor({ messages }: RowOrder): Promise<Figures> {
  let bytes = 0;
  return measureSending(messages, (from, to) => {
    for (let n = from; n < to; n++) bytes += roundTrip(n);
    return bytes > 0 ? Promise.resolve() : Promise.reject(new Error('nothing was written'));
  });
}

function roundTrip(n: number): number {
  const order = orderOf(n);
  validate(order);
  const body = Buffer.from(JSON.stringify(order), 'utf8');
  validate(JSON.parse(body.toString('utf8')));
  return body.length;
}

function validate(order: unknown): void {
  const result = orderSchema['~standard'].validate(order);
  if (result instanceof Promise || result.issues !== undefined) throw new Error('the order does not fit its schema');
}
