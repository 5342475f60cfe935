import { Controller, Module } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { BrokerHandle, createTransportApp, defineEvent, Notices, Publisher, Subscribe } from 'nest-transport';
import { TransportModule, type MessageContext, type NoticeName } from 'nest-transport';
import { memory } from 'nest-transport/memory';

type Order = { orderId: string };
const OrderCreated = defineEvent<Order>('order.created', { key: ({ orderId }) => orderId });
const outage = new Map([
  ['o-1', 2], // fails twice
  ['o-2', 3], // fails three times
]);

@Controller()
class PaymentsController {
  @Subscribe(OrderCreated, { retry: { maxAttempts: 3, initialDelayMs: 20 } })
  charge(@Payload() { orderId }: Order, @Ctx() { attempt }: MessageContext): void {
    const left = outage.get(orderId) ?? 0;
    outage.set(orderId, left - 1);
    console.log(`${orderId} attempt ${attempt}: ${left > 0 ? 'failed' : 'charged'}`);
    if (left > 0) throw new Error('the bank does not answer');
  }
}

@Module({
  imports: [TransportModule.forRoot({ service: 'payments', broker: memory() })],
  controllers: [PaymentsController],
})
class AppModule {}

const app = await createTransportApp(AppModule, { http: false, logger: false });
await app.listen();
const next = (notice: NoticeName) => new Promise((resolve) => app.get(Notices).on(notice, resolve));

const firstIsDone = next('message:acked');
await app.get(Publisher).publish(OrderCreated, { orderId: 'o-1' });
await firstIsDone;

const secondIsGivenUp = next('message:dead-lettered');
await app.get(Publisher).publish(OrderCreated, { orderId: 'o-2' });
await secondIsGivenUp;

const { deadLetters } = app.get(BrokerHandle);
const topic = 'order.created.payments.dead-letter';
for (const { key, attempts, errorMessage } of await deadLetters.list(topic)) {
  console.log(`dead letter: ${key} after ${attempts} attempts: ${errorMessage}`);
}

const replayedIsDone = next('message:acked');
await deadLetters.replay(topic);
await replayedIsDone;
await app.close();
