import { Controller, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { createTransportApp, defineEvent, Notices, Publisher, Subscribe, TransportModule } from 'nest-transport';
import { memory } from 'nest-transport/memory';

type Greeting = { name: string };
const GreetingSent = defineEvent<Greeting>('greeting.sent', { key: ({ name }) => name });

@Controller()
class GreetingsController {
  @Subscribe(GreetingSent)
  greet(@Payload() { name }: Greeting): void {
    console.log(`received: hello ${name}`);
  }
}

@Module({
  imports: [TransportModule.forRoot({ service: 'hello', broker: memory() })],
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
