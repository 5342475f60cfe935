import { Controller, Injectable, Module, Sse, type OnModuleDestroy } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { createTransportApp, Publisher, Subscribe, TransportModule } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { get } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { interval, map, type Observable } from 'rxjs';

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

  @Sse('events')
  events(): Observable<object> {
    return interval(50).pipe(map((n) => ({ data: { n } })));
  }
}

@Module({
  imports: [
    TransportModule.forRoot({
      service: 'worker',
      broker: memory(),
      drainTimeoutMs: process.argv[2] === 'sse' ? 1_000 : 25_000,
    }),
  ],
  controllers: [Worker],
  providers: [Pool],
})
class AppModule {}

/** A client of the stream that never leaves. */
function listenToEvents({ port }: AddressInfo): Promise<void> {
  return new Promise((resolve) => {
    const request = get({ port, path: '/events' }, (response) => {
      response.once('data', () => resolve());
      response.on('error', () => undefined);
    });
    request.on('error', () => undefined);
  });
}

if (process.argv[2] === 'pure') {
  const app = await createTransportApp(AppModule, { http: false, logger: false });
  await app.listen();
  await app.get(Publisher).publish('work', {});
} else {
  const app = await createTransportApp(AppModule, { logger: false });
  await app.listen(0);
  if (process.argv[2]?.endsWith('sse') === true)
    await listenToEvents((app.getHttpServer() as Server).address() as AddressInfo);
  await app.get(Publisher).publish('work', {});
}
