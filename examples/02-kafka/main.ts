import { Controller, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { createTransportApp, defineEvent, Notices, Publisher, Subscribe, TransportModule } from 'nest-transport';
import { kafka } from 'nest-transport/kafka';

type Greeting = { name: string };
const GreetingSent = defineEvent<Greeting>('greeting.sent', { key: ({ name }) => name });

@Controller()
class GreetingsController {
  @Subscribe(GreetingSent)
  greet(@Payload() { name }: Greeting): void {
    console.log(`received: hello ${name}`);
  }
}

const brokers = (process.env['KAFKA_BROKERS'] ?? 'localhost:9092').split(',');
@Module({
  imports: [TransportModule.forRoot({ service: 'hello', broker: kafka({ brokers, provision: {} }) })],
  controllers: [GreetingsController],
})
class AppModule {}

const app = await createTransportApp(AppModule, { http: false, logger: false });
await app.listen();

const acked = new Promise((resolve) => app.get(Notices).on('message:acked', resolve));
console.log('publishing');
await app.get(Publisher).publish(GreetingSent, { name: 'Ada' });
await acked; // a service keeps running; this example ends after one message
await app.close();
console.log('closed');
