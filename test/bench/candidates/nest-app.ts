import { Module, type INestMicroservice, type Type } from '@nestjs/common';
import { createTransportApp, TransportModule, type Broker } from 'nest-transport';

/** A message-only application around one broker, as a user would start it. */
export async function transportApp(broker: Broker, controllers: Type[] = []): Promise<INestMicroservice> {
  @Module({ imports: [TransportModule.forRoot({ service: 'bench', broker, logger: false })], controllers })
  class App {}
  const app = await createTransportApp(App, { http: false, exitOnSignal: false, logger: ['error', 'warn'] });
  await app.listen();
  return app;
}
