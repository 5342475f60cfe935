import { Controller, Module } from '@nestjs/common';
import { createTransportApp, Subscribe, TransportModule } from 'nest-transport';
import { memory } from 'nest-transport/memory';

/** A process of its own for failed-start.spec.ts: its subscription asks for more than a memory broker can guarantee. */
@Controller()
class Worker {
  @Subscribe('work', { guarantee: 'at-least-once' })
  work(): void {}
}

@Module({
  imports: [TransportModule.forRoot({ service: 'worker', broker: memory() })],
  controllers: [Worker],
})
class AppModule {}

// Why a timer: what an application has open must not keep it alive after a failed start.
setInterval(() => undefined, 1_000);
const isOwn = process.argv[2] === 'own';
const app = await createTransportApp(AppModule, { http: false, ...(isOwn ? { abortOnError: false } : {}) });
await app.listen().catch((error: { readonly code: string }) => {
  process.stdout.write(`rejected with ${error.code}\n`);
  process.exit(3);
});
