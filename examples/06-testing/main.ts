import { Test } from '@nestjs/testing';
import { TestTransport } from 'nest-transport/testing';
import { OrderCreated, StockModule, StockReserved, Warehouse } from './stock.module.js';

const transport = await TestTransport.start(Test.createTestingModule({ imports: [StockModule] }), { http: false });

const good = await transport.publishAndSettle(OrderCreated, { orderId: 'o-1' });
good.assertAcked(OrderCreated);
good.assertPublished(StockReserved, { orderId: 'o-1' });
console.log('ok: an order reserves stock');

transport.get(Warehouse).failures = 2;
const retried = await transport.publishAndSettle(OrderCreated, { orderId: 'o-2' });
retried.assertRetried(OrderCreated, 2);
retried.assertPublished(StockReserved, { orderId: 'o-2' });
console.log('ok: a failure is retried');

transport.get(Warehouse).failures = 3;
const failed = await transport.publishAndSettle(OrderCreated, { orderId: 'o-3' });
failed.assertDeadLettered(OrderCreated, 'the warehouse does not answer');
failed.assertNotPublished(StockReserved);
console.log('ok: the last attempt is followed by a dead letter');

try {
  failed.assertAcked(OrderCreated);
} catch (error) {
  console.log(`an assertion that fails shows the trace:\n${(error as Error).message}`);
}
await transport.close();
