import { Module, type DynamicModule, type INestMicroservice, type Type } from '@nestjs/common';
import { createTransportApp, Notices, TransportModule, type Broker, type NoticeName } from 'nest-transport';
import { memory } from 'nest-transport/memory';

const opened: INestMicroservice[] = [];

/** The line that picks a broker, for applications that are to share one. */
export const on = (broker: Broker): DynamicModule =>
  TransportModule.forRoot({ service: 'shop', broker, logger: false });

/** An application that listens, for the examples of pages. */
export async function start(
  controllers: readonly Type[],
  transport: DynamicModule = on(memory()),
  providers: readonly Type[] = [],
): Promise<INestMicroservice> {
  @Module({ imports: [transport], controllers: [...controllers], providers: [...providers] })
  class AppModule {}
  const app = await createTransportApp(AppModule, { http: false, exitOnSignal: false, logger: false });
  opened.push(app);
  await app.listen();
  return app;
}

/** Closes what was started, the last one first. */
export async function closeStarted(): Promise<void> {
  for (const app of opened.splice(0).reverse()) await app.close();
}

/** Resolves when an application has told of so many. */
export function told(app: INestMicroservice, name: NoticeName, times: number): Promise<void> {
  return new Promise((resolve) => {
    app.get(Notices).on(name, () => void (--times === 0 && resolve()));
  });
}
