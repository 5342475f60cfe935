import {
  Controller,
  Global,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  connectTransport,
  defineEvent,
  isTransportError,
  Notices,
  Publisher,
  Subscribe,
  TransportHealth,
  TransportServer,
  type MessageContext,
} from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { closeAll, create, KINDS, next, outcome, refusal, rootModule, signal, start, type App } from './boot.js';

const Moved = defineEvent<{ n: number }>('moved', { key: ({ n }) => String(n) });
const Done = defineEvent<{ n: number }>('done');

afterEach(closeAll);

/** A handler that is in the middle of a message until it is let go, and then uses the pool and publishes. */
function slowService() {
  const entered = signal();
  const leave = signal();
  const trace: string[] = [];

  @Injectable()
  class Pool implements OnModuleDestroy {
    isOpen = true;
    onModuleDestroy(): void {
      this.isOpen = false;
      trace.push('pool closed');
    }
  }
  @Controller()
  class Mover {
    constructor(
      private readonly pool: Pool,
      private readonly publisher: Publisher,
    ) {}
    @Subscribe(Moved)
    async move(@Payload() payload: { n: number }): Promise<void> {
      entered.give();
      await leave.came;
      await this.publisher.publish(Done, payload);
      trace.push(`handled with the pool ${this.pool.isOpen ? 'open' : 'closed'}`);
    }
  }
  @Module({ providers: [Pool], exports: [Pool] })
  class PoolModule {}
  @Module({ imports: [PoolModule], controllers: [Mover] })
  class FeatureModule {}
  const places = {
    root: { controllers: [Mover], providers: [Pool] },
    feature: { imports: [FeatureModule] },
  };
  return { entered, leave, trace, places };
}

/** What a signal does in Nest, without ending the process that runs the tests. */
async function shutdownBySignal(app: App): Promise<void> {
  const kill = process.kill;
  const ended = signal();
  process.kill = ((pid: number, what?: string | number) => {
    if (pid === process.pid && what === 'SIGUSR2') ended.give();
    return true;
  }) as typeof process.kill;
  try {
    app.enableShutdownHooks(['SIGUSR2']);
    process.emit('SIGUSR2', 'SIGUSR2');
    await ended.came;
  } finally {
    process.kill = kill;
  }
}

const endings = {
  close: (app: App) => app.close(),
  'a signal': shutdownBySignal,
};

describe.each(KINDS)('a %s application', (kind) => {
  describe.each(Object.keys(endings) as (keyof typeof endings)[])('that ends by %s', (ending) => {
    test.each(['root', 'feature'] as const)(
      'lets running handlers finish before a pool of the %s module is closed',
      async (place) => {
        const { entered, leave, trace, places } = slowService();
        const app = await start(await create(kind, rootModule(places[place])));
        const publisher = app.get(Publisher);
        const health = app.get(TransportHealth);
        const draining = next(app.get(Notices), 'drain:started');
        await publisher.publish(Moved, { n: 1 });
        await entered.came;
        const ended = endings[ending](app);
        await draining;
        expect(health.isReady()).toBe(false);
        expect(trace).toEqual([]);
        leave.give();
        await ended;
        expect(trace).toEqual(['handled with the pool open', 'pool closed']);
        const late = await refusal(publisher.publish(Moved, { n: 2 }));
        expect(isTransportError(late, 'TRANSPORT_CLOSED')).toBe(true);
      },
    );
  });

  test('gives back what does not finish within drainTimeoutMs: another member gets it', async () => {
    const broker = memory();
    const { entered, leave, places } = slowService();
    const app = await start(await create(kind, rootModule(places.root, { broker, drainTimeoutMs: 20 })));
    await app.get(Publisher).publish(Moved, { n: 1 });
    await entered.came;
    const finished = next(app.get(Notices), 'drain:finished');
    await app.close();
    expect(await finished).toMatchObject({ unsettled: 1 });
    const got = signal<unknown>();
    @Controller()
    class Heir {
      @Subscribe(Moved)
      move(@Payload() payload: unknown): void {
        got.give(payload);
      }
    }
    await start(await create(kind, rootModule({ controllers: [Heir] }, { broker })));
    expect(await got.came).toEqual({ n: 1 });
    leave.give();
  });

  test('takes no message before the last bootstrap hook is done', async () => {
    const trace: string[] = [];
    const broker = memory();
    @Injectable()
    class Warm implements OnApplicationBootstrap {
      async onApplicationBootstrap(): Promise<void> {
        await new Promise((resolve) => setTimeout(resolve, 20));
        trace.push('warm');
      }
    }
    @Controller()
    class Mover {
      @Subscribe(Moved)
      move(@Payload() _: unknown): void {
        trace.push('message');
      }
    }
    const seeds = await start(await create(kind, rootModule({}, { broker })));
    await seeds.get(Publisher).publish(Moved, { n: 1 });
    const app = await create(kind, rootModule({ controllers: [Mover], providers: [Warm] }, { broker }));
    const ended = outcome(app.get(Notices));
    if (kind === 'hybrid') await (app as never as { startAllMicroservices(): Promise<void> }).startAllMicroservices();
    await start(app);
    await ended;
    expect(trace).toEqual(['warm', 'message']);
  });

  test('can publish in its own hooks, from onModuleInit to onApplicationShutdown', async () => {
    const topics: string[] = [];
    @Injectable()
    class Chatty implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
      constructor(private readonly publisher: Publisher) {}
      readonly #say = async (topic: string): Promise<void> => {
        topics.push((await this.publisher.publish(topic, {})).topic);
      };
      onModuleInit = (): Promise<void> => this.#say('init');
      onApplicationBootstrap = (): Promise<void> => this.#say('bootstrap');
      onModuleDestroy = (): Promise<void> => this.#say('destroy');
      onApplicationShutdown = (): Promise<void> => this.#say('shutdown');
    }
    const app = await start(await create(kind, rootModule({ providers: [Chatty] })));
    await app.close();
    expect(topics).toEqual(['init', 'bootstrap', 'destroy', 'shutdown']);
  });

  test('closes what it opened when its start fails', async () => {
    @Injectable()
    class Broken implements OnApplicationBootstrap {
      onApplicationBootstrap(): void {}
    }
    @Controller()
    class Wrong {
      @Subscribe(Moved, { topics: 1 } as never)
      move(@Payload() _: unknown): void {}
    }
    const app = await create(kind, rootModule({ controllers: [Wrong], providers: [Broken] }));
    await refusal(start(app));
    expect(isTransportError(await refusal(app.get(Publisher).publish(Moved, { n: 1 })), 'TRANSPORT_CLOSED')).toBe(true);
  });

  test('refuses a publish before it is started', async () => {
    const app = await create(kind, rootModule({}));
    const early = await refusal(app.get(Publisher).publish(Moved, { n: 1 }));
    expect(isTransportError(early, 'TRANSPORT_NOT_STARTED')).toBe(true);
    await start(app);
  });

  test('drains once, however often and from wherever it is told to', async () => {
    const app = await start(await create(kind, rootModule({})));
    const drains: unknown[] = [];
    app.get(Notices).on('drain:started', (notice) => drains.push(notice));
    const server = app.get(TransportServer);
    await Promise.all([server.close(), server.close(), app.get(TransportHealth).drain()]);
    await expect(app.get(Publisher).publish('still', {})).resolves.toMatchObject({ topic: 'still' });
    await app.close();
    expect(drains).toHaveLength(1);
  });
});

test('a global module of the user is destroyed after the drain, too', async () => {
  const { entered, leave, trace, places } = slowService();
  @Global()
  @Module({ imports: [places.feature.imports[0] as never] })
  class Everything implements OnModuleDestroy {
    onModuleDestroy(): void {
      trace.push('global closed');
    }
  }
  const app = await start(await create('hybrid', rootModule({ imports: [Everything] })));
  await app.get(Publisher).publish(Moved, { n: 1 });
  await entered.came;
  const ended = app.close();
  leave.give();
  await ended;
  expect(trace[0]).toBe('handled with the pool open');
});

test('a start fails with a sentence when Nest no longer orders modules by distance', async () => {
  const AppModule = rootModule({});
  const app = connectTransport(await NestFactory.create(AppModule, { logger: false, abortOnError: false }));
  const { ModulesContainer } = await import('@nestjs/core');
  for (const module of app.get(ModulesContainer).values()) Object.defineProperty(module, 'distance', { value: -1 });
  const error = await refusal(app.init());
  expect(error.message).toContain('cannot ensure that it drains before');
});

test('a context is told whether its message was delivered before', async () => {
  const attempts: number[] = [];
  @Controller()
  class Mover {
    @Subscribe(Moved)
    move(@Payload() _: unknown, @Ctx() { attempt }: MessageContext): void {
      attempts.push(attempt);
      if (attempt < 3) throw new Error('again');
    }
  }
  const app = await start(await create('hybrid', rootModule({ controllers: [Mover] })));
  const ended = outcome(app.get(Notices));
  await app.get(Publisher).publish(Moved, { n: 1 });
  expect(await ended).toEqual({ how: 'acked', retries: 2 });
  expect(attempts).toEqual([1, 2, 3]);
});
