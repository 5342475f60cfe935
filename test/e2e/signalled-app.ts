import { Controller, Injectable, Module, type OnModuleDestroy } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { createTransportApp, Publisher, Subscribe, TransportModule } from 'nest-transport';
import { memory } from 'nest-transport/memory';

/** A process of its own for signals.spec.ts: it is in the middle of a message when the signal comes. */
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

@Injectable()
class Pool implements OnModuleDestroy {
  onModuleDestroy(): void {
    say('pool closed');
  }
}

@Controller()
class Worker {
  @Subscribe('work')
  async work(@Payload() _: unknown): Promise<void> {
    say('working');
    await new Promise((resolve) => setTimeout(resolve, process.argv[2] === 'stuck' ? 20_000 : 300));
    say('worked');
  }
}

@Module({
  imports: [TransportModule.forRoot({ service: 'worker', broker: memory() })],
  controllers: [Worker],
  providers: [Pool],
})
class AppModule {}

if (process.argv[2] === 'pure') {
  const app = await createTransportApp(AppModule, { http: false, logger: false });
  await app.listen();
  await app.get(Publisher).publish('work', {});
} else {
  const app = await createTransportApp(AppModule, { logger: false });
  await app.listen(0);
  await app.get(Publisher).publish('work', {});
}
