/**
 * A service with a handler that ends its process at one message, as a native crash would. What is handled, and what becomes a
 * dead letter, it writes to a file in the moment it happens.
 */
import { Controller, Module } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { openSync, writeSync } from 'node:fs';
import { createTransportApp, Notices, Subscribe, TransportModule, type MessageContext } from 'nest-transport';
import { openBroker, type BrokerOrder } from './open-broker.js';

interface Task {
  readonly broker: BrokerOrder;
  readonly topic: string;
  readonly file: string;
  readonly killer: string;
}

const { broker: order, topic, file, killer } = JSON.parse(process.argv[2] ?? '{}') as Task;
const descriptor = openSync(file, 'a');
const write = (what: string, id: string): void => void writeSync(descriptor, `${what} ${id}\n`);

@Controller()
class Orders {
  @Subscribe(topic, { concurrency: 16, retry: { maxAttempts: 3 } })
  async take(@Payload() _payload: unknown, @Ctx() { id }: MessageContext): Promise<void> {
    if (id === killer) process.kill(process.pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 2));
    write('handled', id);
  }
}

const broker = await openBroker(order);

@Module({
  imports: [TransportModule.forRoot({ service: 'killer-test', broker, logger: false })],
  controllers: [Orders],
})
class App {}

const app = await createTransportApp(App, { http: false, logger: ['error', 'warn'] });
app.get(Notices).on('message:dead-lettered', ({ id }) => write('dead-lettered', id));
app.get(Notices).on('subscription:started', () => write('started', ''));
await app.listen();
