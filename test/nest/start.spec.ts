import { Controller, Injectable, Module, type LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import {
  BrokerHandle,
  connectTransport,
  createTransportApp,
  defineEvent,
  getPublisherToken,
  InjectBroker,
  InjectPublisher,
  isTransportError,
  Notices,
  Publisher,
  Subscribe,
  TransportHealth,
  TransportModule,
  TransportServer,
  transportStrategy,
  type Broker,
  type TransportModuleOptions,
} from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { boot, closeAll, create, KINDS, next, outcome, refusal, remembering, rootModule, start } from './boot.js';

const Moved = defineEvent<{ n: number }>('moved', { key: ({ n }) => String(n) });
const QUIET = { logger: false, abortOnError: false } as const;

@Controller()
class Mover {
  @Subscribe(Moved)
  move(@Payload() _: unknown): void {}
}

afterEach(closeAll);

describe('a start that would never invoke its handlers fails', () => {
  test('when nothing connects the transport to a hybrid application', async () => {
    const app = await NestFactory.create(rootModule({ controllers: [Mover] }), QUIET);
    const error = await refusal(app.init());
    expect(isTransportError(error, 'TRANSPORT_NOT_CONNECTED')).toBe(true);
    expect(error.message).toContain('@Subscribe("moved") in Mover.move would never be called');
    expect(error.message).toContain('connectTransport(app)');
  });

  test('when a microservice of another transport has the controllers', async () => {
    const app = await NestFactory.createMicroservice(rootModule({ controllers: [Mover] }), QUIET);
    const error = await refusal(app.init());
    expect(isTransportError(error, 'TRANSPORT_NOT_CONNECTED')).toBe(true);
    await app.close();
  });

  test('when @Subscribe stands on a provider and nothing connects the transport', async () => {
    const app = await NestFactory.create(rootModule({ providers: [Mover] }), QUIET);
    const error = await refusal(app.init());
    expect(isTransportError(error, 'TRANSPORT_NOT_CONNECTED')).toBe(true);
    expect(error.message).toContain('@Subscribe("moved") in Mover.move would never be called');
  });

  test('when TransportModule is not there to connect to', async () => {
    @Module({})
    class Empty {}
    const error = await refusal(createTransportApp(Empty, { ...QUIET, exitOnSignal: false }));
    expect(isTransportError(error, 'TRANSPORT_NOT_CONNECTED')).toBe(true);
    expect(error.message).toContain('TransportModule is not imported');
  });

  test('when TransportModule is there twice', async () => {
    const other = TransportModule.forRoot({ service: 'other', broker: memory() });
    const error = await refusal(create('hybrid', rootModule({ imports: [other] })));
    expect(error.message).toContain('imported more than once');
  });
});

describe.each([
  ['controllers', {}],
  ['providers', {}],
  ['controllers', { consume: false }],
] as const)('an application context with handlers on %s, options %j', (host, options) => {
  test('publishes, consumes nothing, is ready, and closes', async () => {
    const moved: unknown[] = [];
    @Controller()
    class Counting {
      @Subscribe(Moved)
      move(@Payload() payload: unknown): void {
        moved.push(payload);
      }
    }
    const logger = remembering();
    const script = rootModule({ [host]: [Counting] }, { ...options, logger });
    const context = await NestFactory.createApplicationContext(script, QUIET);
    await expect(context.get(Publisher).publish(Moved, { n: 1 })).resolves.toMatchObject({ topic: 'moved' });
    expect(context.get(TransportHealth).isReady()).toBe(true);
    await context.close();
    expect(moved).toEqual([]);
    const noted = logger.lines.filter((line) => line.includes('handlers are not called in an application context'));
    expect(noted).toHaveLength('consume' in options ? 0 : 1);
  });
});

describe('subscriptions that contradict each other are refused, naming both places', () => {
  const refused = async (...controllers: (new () => object)[]): Promise<Error> => {
    const error = await refusal(boot({ controllers }));
    await closeAll();
    return error;
  };

  test.each(KINDS)('two handlers of one event and group, in a %s application', async (kind) => {
    @Controller()
    class Other {
      @Subscribe(Moved)
      also(@Payload() _: unknown): void {}
    }
    const error = await refusal(boot({ controllers: [Mover, Other] }, { kind }));
    expect(isTransportError(error, 'TRANSPORT_SUBSCRIPTION_DUPLICATE')).toBe(true);
    expect(error.message).toContain('Mover.move and Other.also both handle "moved" as group "test"');
  });

  test('two @EventPattern of one pattern', async () => {
    @Controller()
    class A {
      @EventPattern('x')
      one(_: unknown): void {}
    }
    @Controller()
    class B {
      @EventPattern('x')
      two(_: unknown): void {}
    }
    expect((await refused(A, B)).message).toContain('A.one and B.two both handle every type of topic "x"');
  });

  test('two handlers that share a subscription and want it otherwise', async () => {
    const Paid = defineEvent<object>('paid', { topic: 'orders' });
    const Sent = defineEvent<object>('sent', { topic: 'orders' });
    @Controller()
    class Orders {
      @Subscribe(Paid, { concurrency: 4 })
      paid(): void {}
      @Subscribe(Sent, { concurrency: 8 })
      sent(): void {}
    }
    const error = await refused(Orders);
    expect(isTransportError(error, 'TRANSPORT_OPTION_CONFLICT')).toBe(true);
    expect(error.message).toContain('Orders.paid has 4 and Orders.sent has 8 for concurrency');
  });

  test('batches for every handler, of which most take one message', () => {
    const subscriptions = { batch: { maxMessages: 9 } } as never;
    const module = (): unknown => TransportModule.forRoot({ service: 's', broker: memory(), subscriptions });
    expect(module).toThrow('subscriptions: batch cannot be a module default');
  });

  test.each([
    [{ concurency: 4 }, 'TRANSPORT_OPTION_UNKNOWN', 'Did you mean "concurrency"?'],
    [{ batch: { size: 10 } }, 'TRANSPORT_OPTION_UNKNOWN', 'has no option "size"'],
    [{ batch: {} }, 'TRANSPORT_OPTION_INVALID', 'maxMessages is missing'],
    [
      { batch: { maxMessages: 200 }, maxInFlight: 100 },
      'TRANSPORT_OPTION_CONFLICT',
      '1) batches of 200 messages (200)',
    ],
    [{ retry: { neverFor: ['x'] } }, 'TRANSPORT_OPTION_INVALID', 'an array of error classes'],
    [{ concurrency: '4' }, 'TRANSPORT_OPTION_INVALID', 'concurrency must be an integer >= 1, got "4" (string)'],
    [{ retry: { attempts: 4 } }, 'TRANSPORT_OPTION_UNKNOWN', 'has no option "attempts"'],
    [{ broker: 'defualt' }, 'TRANSPORT_OPTION_INVALID', 'Did you mean "default"?'],
  ] as const)('options that cannot be meant: %j', async (options, code, words) => {
    @Controller()
    class Wrong {
      @Subscribe(Moved, options as never)
      move(@Payload() _: unknown): void {}
    }
    const error = await refused(Wrong);
    expect(isTransportError(error, code)).toBe(true);
    expect(error.message).toContain('@Subscribe("moved") in Wrong.move');
    expect(error.message).toContain(words);
  });
});

describe('options of the module', () => {
  const given = (options: object): TransportModuleOptions =>
    ({ service: 's', broker: memory(), ...options }) as unknown as TransportModuleOptions;

  test.each([
    [{ brocker: 1 }, 'TransportModule.forRoot has no option "brocker". Did you mean "broker"?'],
    [{ service: '' }, 'service must be a non-empty string'],
    [{ service: undefined }, "Write service: 'inventory'"],
    [{ broker: undefined }, 'broker is missing. Write broker: memory()'],
    [{ broker: {} }, 'broker must be a broker, such as memory()'],
    [{ brokers: { a: memory() } }, 'broker and brokers are both set'],
    [{ connect: 'never' }, 'connect must be one of "wait", "fail"'],
    [{ subscriptions: { concurrency: 300 } }, 'concurrency (300) must not exceed maxInFlight (256, the default)'],
    [{ publishing: { timeout: 1 } }, 'publishing has no option "timeout"'],
    [{ require: ['durabilty'] }, 'Did you mean "durability"?'],
    [{ require: ['durability'] }, 'which the memory driver does not support'],
  ])('are checked at once: %j', (options, words) => {
    expect(() => TransportModule.forRoot(given(options))).toThrow(words);
  });

  test.each([
    ['useFactory', { useFactory: () => given({ logger: false }) }],
    ['a promise of useFactory', { useFactory: () => Promise.resolve(given({ logger: false })) }],
    [
      'useClass',
      {
        useClass: class {
          createTransportOptions = () => given({ logger: false });
        },
      },
    ],
  ])('can come later, by %s', async (_, options) => {
    @Module({ imports: [TransportModule.forRootAsync(options)] })
    class AppModule {}
    const app = await start(await create('hybrid', AppModule));
    expect(app.get(TransportHealth).isReady()).toBe(true);
  });

  test('can come from another module, by useExisting and by inject', async () => {
    @Injectable()
    class Config {
      readonly createTransportOptions = () => given({ logger: false });
    }
    @Module({ providers: [Config], exports: [Config] })
    class ConfigModule {}
    for (const how of [
      { useExisting: Config },
      { inject: [Config], useFactory: (config: Config) => config.createTransportOptions() },
    ]) {
      @Module({ imports: [TransportModule.forRootAsync({ imports: [ConfigModule], ...how })] })
      class AppModule {}
      const app = await start(await create('hybrid', AppModule));
      expect(app.get(TransportHealth).isReady()).toBe(true);
    }
  });

  test('that come later are checked too, and brokers must have been announced', async () => {
    const late = (options: object) => TransportModule.forRootAsync({ useFactory: () => given(options) });
    expect((await refusal(create('hybrid', rootless(late({ brocker: 1 }))))).message).toContain(
      'Did you mean "broker"?',
    );
    const two = { broker: undefined, brokers: { a: memory(), b: memory() } };
    expect((await refusal(create('hybrid', rootless(late(two))))).message).toContain("Write brokerNames: ['a', 'b']");
    expect(() => TransportModule.forRootAsync({})).toThrow('one of useFactory, useClass and useExisting');
  });
});

test.each([
  ['Publisher', Publisher],
  ['getPublisherToken()', getPublisherToken()],
])('overrideProvider(%s) replaces the default publisher wherever it is injected', async (_, token) => {
  @Injectable()
  class Both {
    constructor(
      readonly typed: Publisher,
      @InjectPublisher() readonly decorated: Publisher,
    ) {}
  }
  const fake = { publish: () => Promise.resolve() };
  const testing = Test.createTestingModule({ imports: [rootModule({ providers: [Both] })] });
  const tested = await testing.overrideProvider(token).useValue(fake).compile();
  const { typed, decorated } = tested.get(Both);
  expect([typed, decorated]).toEqual([fake, fake]);
  await tested.close();
});

describe('several brokers', () => {
  test('have publishers, handles and subscriptions of their own; the first is the default', async () => {
    const got: string[] = [];
    @Injectable()
    class Holder {
      constructor(
        @InjectPublisher() readonly first: Publisher,
        @InjectPublisher('audit') readonly audit: Publisher,
        @InjectBroker('audit') readonly handle: BrokerHandle,
      ) {}
    }
    @Controller()
    class Both {
      @Subscribe(Moved)
      main(@Payload() { n }: { n: number }): void {
        got.push(`main ${n}`);
      }
      @Subscribe(Moved, { broker: 'audit' })
      audit(@Payload() { n }: { n: number }): void {
        got.push(`audit ${n}`);
      }
    }
    const { app, publisher, notices } = await boot(
      { controllers: [Both], providers: [Holder] },
      { transport: { broker: undefined, brokers: { main: memory(), audit: memory() } } as never },
    );
    const holder = app.get(Holder);
    expect(holder.first).toBe(publisher);
    expect(app.get(getPublisherToken('main'))).toBe(publisher);
    expect(holder.handle).toMatchObject({ name: 'audit', driver: 'memory' });
    expect(holder.handle).not.toHaveProperty('connection');
    expect(app.get(TransportServer).unwrap().get('audit')).toBe(holder.handle);
    expect(holder.handle.health()).toEqual({ status: 'up', problems: [] });
    const first = outcome(notices);
    await publisher.publish(Moved, { n: 1 });
    await first;
    const second = outcome(notices);
    await holder.audit.publish(Moved, { n: 2 });
    await second;
    expect(got).toEqual(['main 1', 'audit 2']);
  });
});

test('two applications in one process do not meet', async () => {
  const got: string[] = [];
  const service = (name: string) => {
    @Controller()
    class Named {
      @Subscribe(Moved)
      move(@Payload() _: unknown): void {
        got.push(name);
      }
    }
    return Named;
  };
  const a = await boot({ controllers: [service('a')] });
  const b = await boot({ controllers: [service('b')] });
  expect(a.app.get(TransportServer)).not.toBe(b.app.get(TransportServer));
  const ended = outcome(b.notices);
  b.notices.on('message:acked', () => got.push('told b'));
  a.notices.on('message:acked', () => got.push('told a'));
  await b.publisher.publish(Moved, { n: 1 });
  await ended;
  expect(got).toEqual(['b', 'told b']);
});

describe("Nest's own steps", () => {
  test('startAllMicroservices before and after init does no harm', async () => {
    const app = connectTransport(await NestFactory.create(rootModule({ controllers: [Mover] }), QUIET));
    await app.startAllMicroservices();
    await start(app);
    await app.startAllMicroservices();
    const ended = outcome(app.get(Notices));
    await app.get(Publisher).publish(Moved, { n: 1 });
    expect(await ended).toEqual({ how: 'acked', retries: 0 });
  });

  test('createMicroservice with transportStrategy() is a pure application', async () => {
    const AppModule = rootModule({ controllers: [Mover] });
    const app = await NestFactory.createMicroservice(AppModule, transportStrategy(QUIET));
    await start(connectTransport(app));
    const ended = outcome(app.get(Notices));
    await app.get(Publisher).publish(Moved, { n: 1 });
    expect(await ended).toEqual({ how: 'acked', retries: 0 });
  });

  test('a testing module is connected like an application', async () => {
    const tested = await Test.createTestingModule({ imports: [rootModule({ controllers: [Mover] })] }).compile();
    const app = await start(connectTransport(tested.createNestApplication({ logger: false })));
    const ended = outcome(app.get(Notices));
    await app.get(Publisher).publish(Moved, { n: 1 });
    expect(await ended).toEqual({ how: 'acked', retries: 0 });
  });

  test.each([
    ['at once', {}],
    ['deferred', { deferInitialization: true }],
  ])(
    'connectMicroservice without connectTransport works, %s, with one warning, and retries what it cannot know',
    async (_, options) => {
      const logger = remembering();
      @Controller()
      class Failing {
        @Subscribe(Moved)
        move(@Payload() { n }: { n: number }): void {
          if (n === 0) throw new Error('hidden');
        }
      }
      const AppModule = rootModule({ controllers: [Failing] }, { logger: logger as LoggerService });
      const app = await NestFactory.create(AppModule, QUIET);
      app.connectMicroservice({ strategy: app.get(TransportServer) }, options);
      await app.startAllMicroservices();
      await start(app);
      const notices = app.get(Notices);
      const ended = outcome(notices);
      await app.get(Publisher).publish(Moved, { n: 1 });
      expect(await ended).toEqual({ how: 'acked', retries: 0 });
      expect(logger.lines.filter((line) => line.includes('runs without connectTransport(app)'))).toHaveLength(1);
      const failed = outcome(notices);
      await app.get(Publisher).publish(Moved, { n: 0 });
      expect(await failed).toMatchObject({ how: 'dead-lettered', retries: 2 });
    },
  );

  test('a microservice whose start is deferred takes nothing any more once it is closed', async () => {
    const broker = memory();
    const moved: number[] = [];
    @Controller()
    class Counting {
      @Subscribe(Moved)
      move(@Payload() { n }: { n: number }): void {
        moved.push(n);
      }
    }
    const app = await NestFactory.create(rootModule({ controllers: [Counting] }, { broker }), QUIET);
    app.connectMicroservice({ strategy: app.get(TransportServer) }, { deferInitialization: true });
    await app.startAllMicroservices();
    await start(app);
    const ended = outcome(app.get(Notices));
    await app.get(Publisher).publish(Moved, { n: 1 });
    await ended;
    await app.close();
    const publishing = await NestFactory.createApplicationContext(rootModule({}, { broker, consume: false }), QUIET);
    await publishing.get(Publisher).publish(Moved, { n: 2 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await publishing.close();
    expect(moved).toEqual([1]);
  });
});

describe('a broker that is away', () => {
  /** A memory broker that answers when it is told to. */
  function absent(): Broker & { arrive: () => void } {
    const broker = memory();
    let arrive = (): void => undefined;
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    const error = Object.assign(new Error('nobody there'), { code: 'TRANSPORT_BROKER_UNREACHABLE' }) as never;
    return {
      driver: broker.driver,
      capabilities: broker.capabilities,
      checkSubscription: (subscription) => broker.checkSubscription(subscription),
      arrive,
      open: (host) => {
        const connection = broker.open(host);
        return Object.assign(connection, {
          connect: async () => {
            queueMicrotask(() => host.notices.emit('broker:unreachable', { broker: host.broker, error }));
            await arrived;
          },
          connectOnce: () => Promise.reject(error as Error),
        });
      },
    };
  }

  test('does not keep the application from starting; it is ready when the broker has come', async () => {
    const broker = absent();
    const { app, publisher, notices } = await boot({ controllers: [Mover] }, { transport: { broker } });
    const health = app.get(TransportHealth);
    expect(health.isReady()).toBe(false);
    expect(health.report()).toMatchObject({
      status: 'down',
      brokers: [{ problems: [expect.stringContaining('not connected yet')], subscriptions: [{ state: 'starting' }] }],
    });
    const started = next(notices, 'subscription:started');
    broker.arrive();
    await started;
    await new Promise(setImmediate);
    expect(health.isReady()).toBe(true);
    const ended = outcome(notices);
    await publisher.publish(Moved, { n: 1 });
    expect(await ended).toEqual({ how: 'acked', retries: 0 });
  });

  test("fails the start with connect: 'fail'", async () => {
    const error = await refusal(boot({ controllers: [Mover] }, { transport: { broker: absent(), connect: 'fail' } }));
    expect(error.message).toBe('nobody there');
  });
});

describe('replying handlers', () => {
  test('are refused where the broker cannot answer, with the place and a way out', async () => {
    @Controller()
    class Adder {
      @MessagePattern({ cmd: 'sum' })
      sum(): number {
        return 1;
      }
    }
    const { requestReply: _, ...others } = memory().capabilities;
    const oneWay: Broker = Object.create(memory(), {
      capabilities: { value: { ...others, requestReply: 'unsupported' } },
    }) as Broker;
    const deaf = { ...wrap(oneWay) };
    const error = await refusal(boot({ controllers: [Adder] }, { transport: { broker: deaf } }));
    expect(isTransportError(error, 'TRANSPORT_CAPABILITY_UNSUPPORTED')).toBe(true);
    expect(error.message).toContain('in Adder.sum requires "requestReply"');
    expect(error.message).toContain('Use @EventPattern or @Subscribe');
  });
});

/** The same broker with its capabilities overridden; n.b. its methods need their own `this`. */
function wrap(broker: Broker): Broker {
  const inner = Object.getPrototypeOf(broker) as Broker;
  return {
    driver: inner.driver,
    capabilities: broker.capabilities,
    checkSubscription: (subscription) => inner.checkSubscription(subscription),
    open: (host) => inner.open(host),
  };
}

function rootless(transport: ReturnType<typeof TransportModule.forRootAsync>): new () => object {
  @Module({ imports: [transport] })
  class AppModule {}
  return AppModule;
}

test('a microservice of another transport cannot be connected', async () => {
  const AppModule = rootModule({ controllers: [Mover] });
  const app = await NestFactory.createMicroservice(AppModule, QUIET);
  expect(() => connectTransport(app)).toThrow('was created for another transport');
});

test('handlers that were registered but never started are told by health', async () => {
  const app = await NestFactory.create(rootModule({ controllers: [Mover] }), QUIET);
  app.connectMicroservice({ strategy: app.get(TransportServer) });
  await start(app);
  expect(app.get(TransportHealth).report()).toMatchObject({
    status: 'down',
    ready: false,
    problems: [expect.stringContaining('app.startAllMicroservices()')],
  });
});
