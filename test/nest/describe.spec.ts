import { Controller, Injectable, Module, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import {
  defineEvent,
  describeTransport,
  isTransportError,
  Notices,
  Subscribe,
  TransportDescriber,
  type Broker,
  type BrokerFacts,
  type NoticeMap,
  type SubscribeOptions,
  type TopicFacts,
} from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { wrapBroker } from 'nest-transport/testing';
import { boot, closeAll, create, refusal, remembering, rootModule, start } from './boot.js';

const Moved = defineEvent<{ n: number }>('moved', { key: ({ n }) => String(n) });
const SAFE: TopicFacts = { storage: 'disk', copies: 3, confirmedCopies: 2, staleElection: false };

/** Memory, with the face of a broker that keeps messages like this. */
function keeping(topic: TopicFacts, more: Partial<BrokerFacts> = {}, describe?: () => Promise<BrokerFacts>): Broker {
  const answer = async (topics: readonly unknown[]): Promise<BrokerFacts> => ({
    ...{ confirmedBy: 'all', ...more },
    topics: topics.map(() => topic),
  });
  return wrapBroker(memory(), () => ({ describe: describe ?? answer }), { durability: 'native' });
}

function mover(options: Omit<SubscribeOptions, 'batch'> = {}) {
  @Controller()
  class Mover {
    @Subscribe(Moved, options)
    move(@Payload() _: unknown): void {}
  }
  return Mover;
}

afterEach(closeAll);

describe('an application describes itself', () => {
  test('as plain data: its brokers, and each subscription with every default and its guarantee', async () => {
    const { app } = await boot({ controllers: [mover()] }, { transport: { broker: keeping(SAFE), subscriptions: {} } });
    const description = await app.get(TransportDescriber).describe();
    expect(JSON.parse(JSON.stringify(description))).toEqual(description);
    expect(description).toEqual({
      service: 'test',
      consumes: true,
      brokers: [
        {
          name: 'default',
          driver: 'memory',
          capabilities: expect.objectContaining({ durability: 'native' }),
          publishing: { level: 'at-least-once', reasons: [] },
          settings: {},
        },
      ],
      subscriptions: [
        {
          broker: 'default',
          driver: 'memory',
          topic: 'moved',
          group: 'test',
          where: '@Subscribe("moved") in Mover.move',
          deadLetterTopic: 'moved.test.dead-letter',
          retryTopics: [],
          options: {
            delivery: 'group',
            ordering: 'key',
            concurrency: 16,
            maxInFlight: 256,
            maxInFlightBytes: 67_108_864,
            startFrom: 'beginning',
            validate: true,
            retry: { maxAttempts: 5, initialDelayMs: 200, maxDelayMs: 30_000, inProcess: false },
          },
          settings: {},
          guarantee: { level: 'at-least-once', reasons: [] },
          wantedGuarantee: null,
          warnings: [],
        },
      ],
    });
  });

  test('by what the broker says now, or, offline, by what it said at start', async () => {
    let now: TopicFacts = { ...SAFE, settings: { replicas: 3 } };
    const broker = keeping(SAFE, {}, async () => ({ confirmedBy: 'all', topics: [now, SAFE] }));
    const { app } = await boot({ controllers: [mover()] }, { transport: { broker } });
    now = { ...now, copies: 1, settings: { replicas: 1 } };
    const levelOf = async (offline: boolean) =>
      (await app.get(TransportDescriber).describe({ offline })).subscriptions.map(({ guarantee, settings }) => [
        guarantee.level,
        settings,
      ]);
    expect(await levelOf(true)).toEqual([['at-least-once', { replicas: 3 }]]);
    expect(await levelOf(false)).toEqual([['may-lose', { replicas: 1 }]]);
  });

  test('with the memory broker as what it is: gone with the process', async () => {
    const { app } = await boot({ controllers: [mover()] });
    const { subscriptions, brokers } = await app.get(TransportDescriber).describe();
    expect(subscriptions[0]?.guarantee).toMatchObject({
      level: 'may-lose',
      reasons: [{ code: 'kept-in-process', topic: 'moved' }, { code: 'kept-in-process' }],
    });
    expect(brokers[0]?.publishing.reasons).toEqual([expect.objectContaining({ code: 'not-durable' })]);
  });
});

describe('a module is described without being run', () => {
  test('no hook is called, nothing is taken, and nothing is created', async () => {
    const told: string[] = [];
    const broker = wrapBroker(memory(), () => ({
      ensureTopics: async () => void told.push('ensureTopics'),
      consume: async () => {
        throw new Error('it was consumed');
      },
      close: async (go) => (told.push('close'), go()),
    }));
    @Injectable()
    class Hooks implements OnModuleInit, OnApplicationBootstrap {
      onModuleInit = (): void => void told.push('onModuleInit');
      onApplicationBootstrap = (): void => void told.push('onApplicationBootstrap');
    }
    const AppModule = rootModule({ controllers: [mover()], providers: [Hooks] }, { broker });
    const description = await describeTransport(AppModule, { logger: false });
    expect(description.subscriptions.map(({ topic, group }) => [topic, group])).toEqual([['moved', 'test']]);
    expect(told).toEqual(['close']);
  });

  test("Nest's own decorators are in it too, and every instance's group is told as it was written", async () => {
    @Controller()
    class Others {
      @EventPattern('plain')
      plain(@Payload() _: unknown): void {}
      @MessagePattern('asked')
      asked(@Payload() _: unknown): void {}
    }
    const parts = { controllers: [Others, mover({ delivery: 'every-instance', group: 'cache' })] };
    const { subscriptions } = await describeTransport(rootModule(parts), { logger: false, offline: true });
    expect(subscriptions.map(({ topic, group }) => [topic, group])).toEqual([
      ['plain', 'test'],
      ['asked', 'test'],
      ['moved', 'cache'],
    ]);
  });

  test('offline it asks no broker, and says so', async () => {
    const broker = wrapBroker(memory(), () => ({ connectOnce: () => Promise.reject(new Error('it connected')) }), {
      durability: 'native',
    });
    const AppModule = rootModule({ controllers: [mover()] }, { broker });
    const { subscriptions, brokers } = await describeTransport(AppModule, { logger: false, offline: true });
    expect(subscriptions[0]?.guarantee).toMatchObject({ level: 'unknown', reasons: [{ code: 'not-asked' }] });
    expect(brokers[0]).not.toHaveProperty('problem');
    const asked = await describeTransport(AppModule, { logger: false });
    expect(asked.brokers[0]?.problem).toContain('it connected');
    expect(asked.subscriptions[0]?.guarantee).toMatchObject({ level: 'unknown', reasons: [{ code: 'not-readable' }] });
  });

  test('a process that only publishes has no subscriptions, and says that it consumes nothing', async () => {
    const AppModule = rootModule({ controllers: [mover()] }, { consume: false });
    expect(await describeTransport(AppModule, { logger: false })).toMatchObject({ consumes: false, subscriptions: [] });
  });

  test('what a start would refuse is refused, and a module without the transport is told so', async () => {
    const wrong = rootModule({ controllers: [mover({ concurency: 2 } as SubscribeOptions)] });
    expect(await refusal(describeTransport(wrong, { logger: false }))).toMatchObject({
      code: 'TRANSPORT_OPTION_UNKNOWN',
    });
    @Module({})
    class Empty {}
    const error = await refusal(describeTransport(Empty, { logger: false }));
    expect(isTransportError(error, 'TRANSPORT_NOT_CONNECTED')).toBe(true);
    expect(error.message).toContain('TransportModule is not imported');
  });

  test('a guarantee that is not met is described, not refused', async () => {
    const AppModule = rootModule({ controllers: [mover({ guarantee: 'at-least-once', deadLetterTopic: false })] });
    const { subscriptions } = await describeTransport(AppModule, { logger: false });
    expect(subscriptions[0]).toMatchObject({ wantedGuarantee: 'at-least-once', guarantee: { level: 'may-lose' } });
  });
});

describe('a guarantee that is asked for', () => {
  const starting = async (
    broker: Broker,
    options: Omit<SubscribeOptions, 'batch'>,
    subscriptions: SubscribeOptions = {},
  ) => start(await create('hybrid', rootModule({ controllers: [mover(options)] }, { broker, subscriptions })));

  test('lets a start through that keeps it', async () => {
    await starting(keeping(SAFE), { guarantee: 'at-least-once' });
  });

  test('refuses the start before anything is taken, naming place, topic, level, reason and what to do', async () => {
    const broker = wrapBroker(keeping({ ...SAFE, copies: 1 }), () => ({
      consume: () => Promise.reject(new Error('it was consumed')),
    }));
    const error = await refusal(starting(broker, {}, { guarantee: 'at-least-once' }));
    expect(isTransportError(error, 'TRANSPORT_GUARANTEE_UNMET')).toBe(true);
    expect(error.message).toContain(
      `@Subscribe("moved") in Mover.move, topic "moved", group "test": guarantee 'at-least-once' is required, but the guarantee is 'may-lose'. Topic "moved": each message is stored on a single server`,
    );
    expect(error.message).toContain('Store each message on three servers.');
  });

  test('is refused before a broker is asked where no broker could mend it', async () => {
    const broker = wrapBroker(memory(), () => ({ connect: () => new Promise(() => undefined) }));
    const error = await refusal(starting(broker, { guarantee: 'at-least-once', deadLetterTopic: false }));
    expect(error.message).toContain('deadLetterTopic: false');
    expect(isTransportError(error, 'TRANSPORT_GUARANTEE_UNMET')).toBe(true);
  });

  test('is not met by what is not known; unknown can be accepted by name', async () => {
    const mute = () => keeping(SAFE, {}, () => Promise.reject(new Error('no right to it')));
    expect((await refusal(starting(mute(), { guarantee: 'at-least-once' }))).message).toContain('no right to it');
    await starting(mute(), { guarantee: 'unknown' });
  });

  test('is for all, and a handler has the last word', async () => {
    const everywhere = { guarantee: 'at-least-once' } as const;
    await starting(keeping({ ...SAFE, copies: 1 }), { guarantee: 'may-lose' }, everywhere);
    await refusal(starting(keeping({ ...SAFE, storage: 'nowhere' }), { guarantee: 'may-lose' }, everywhere));
  });

  test('has four names, and no other', async () => {
    const error = await refusal(starting(memory(), { guarantee: 'exactly-once' as 'at-least-once' }));
    expect(error.message).toContain('guarantee must be one of "at-least-once", "unknown", "may-lose", "at-most-once"');
  });
});

describe('a start', () => {
  @Controller()
  class Two {
    @Subscribe(Moved)
    move(@Payload() _: unknown): void {}
    @Subscribe('price.changed', { group: 'prices' })
    price(): void {}
  }
  const linesOf = async (broker: Broker, subscriptions: SubscribeOptions = {}) => {
    const logger = remembering();
    await boot({ controllers: [Two] }, { transport: { broker, logger, subscriptions } });
    return logger.lines.filter((line) => /<-|Messages can be lost/.test(line));
  };

  test('is reported by a line for each subscription, which names its handler', async () => {
    expect(await linesOf(keeping(SAFE), { concurrency: 8 })).toEqual([
      'log Two.move  <- moved         group=test   concurrency=8',
      'log Two.price <- price.changed group=prices concurrency=8',
    ]);
  });

  test('warns once for all topics that a setting of the broker can lose', async () => {
    const [, , ...warnings] = await linesOf(keeping({ ...SAFE, copies: 1 }, { remedy: { 'one-copy': 'Make it 3.' } }));
    expect(warnings).toEqual([
      'warn Messages can be lost: each message is stored on a single server and is lost with its disk. Make it 3. ' +
        'topics=moved,moved.test.dead-letter,price.changed,price.changed.prices.dead-letter broker=default reason=one-copy',
    ]);
  });

  test('does not warn of what was written down, of what a memory broker is, or where it is accepted by name', async () => {
    const warned = async (...given: Parameters<typeof linesOf>) =>
      (await linesOf(...given)).filter((line) => line.startsWith('warn'));
    expect(await warned(keeping(SAFE), { deadLetterTopic: false, startFrom: 'new' })).toEqual([]);
    expect(await warned(memory())).toEqual([]);
    expect(await warned(keeping({ ...SAFE, copies: 1 }), { guarantee: 'may-lose' })).toEqual([]);
  });

  test('does not warn of what the broker is by nature (inherent), and refuses it where more is wanted', async () => {
    const broker = keeping({ ...SAFE, copies: 1 }, { inherent: ['one-copy'] });
    expect((await linesOf(broker)).filter((line) => line.startsWith('warn'))).toEqual([]);
    const refused = linesOf(broker, { guarantee: 'at-least-once' });
    await expect(refused).rejects.toMatchObject({ code: 'TRANSPORT_GUARANTEE_UNMET' });
  });

  test('tells the notice with topics and reason', async () => {
    const told: NoticeMap['guarantee:lowered'][] = [];
    const AppModule = rootModule({ controllers: [mover()] }, { broker: keeping({ ...SAFE, storage: 'memory' }) });
    const app = await create('hybrid', AppModule);
    app.get(Notices).on('guarantee:lowered', (notice) => told.push(notice));
    await start(app);
    expect(told).toEqual([
      {
        broker: 'default',
        topics: ['moved', 'moved.test.dead-letter'],
        reason: expect.objectContaining({ code: 'kept-in-memory' }),
      },
    ]);
  });
});
