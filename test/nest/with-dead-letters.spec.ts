import { Controller, Injectable, type OnModuleInit } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Subscribe, withDeadLetters, type DeadLetterAdmin, type SubscribeOptions } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { wrapBroker } from 'nest-transport/testing';
import { boot, closeAll, next, refusal, rootModule } from './boot.js';

afterEach(closeAll);

const QUIET = { logger: false } as const;
const topicOnly = (_: DeadLetterAdmin, topic: string): Promise<string> => Promise.resolve(topic);

function stock(...subscriptions: readonly (readonly [topic: string, options?: SubscribeOptions])[]) {
  return subscriptions.map(([topic, options = {}]) => {
    @Controller()
    class Stock {
      @Subscribe(topic, { retry: { maxAttempts: 1 }, ...options })
      move(@Payload() _: unknown): void {
        throw new RangeError('shelf 7 is full');
      }
    }
    return Stock;
  });
}

describe('the dead letters of an application that is not started', () => {
  it('can be worked with, and neither a hook nor a handler is called', async () => {
    const broker = memory();
    const { app, publisher, notices } = await boot({ controllers: stock(['moved']) }, { transport: { broker } });
    const dead = next(notices, 'message:dead-lettered');
    await publisher.publish('moved', {}, { id: 'm-1' });
    await dead;
    await app.close();

    @Injectable()
    class Started implements OnModuleInit {
      onModuleInit(): void {
        throw new Error('it was started');
      }
    }
    const module = rootModule({ controllers: stock(['moved']), providers: [Started] }, { broker });
    const ids = (): Promise<string[]> =>
      withDeadLetters(module, 'moved', async (admin, topic) => (await admin.list(topic)).map(({ id }) => id), QUIET);
    const replayed = await withDeadLetters(module, 'moved', (admin, topic) => admin.replay(topic), QUIET);
    expect(replayed).toEqual({ done: ['m-1'], left: [] });
    // A handler that had been called would have made another.
    expect(await ids()).toEqual([]);
  });

  it('are found by the topic or by their own, on the broker that has it, which alone is connected and is closed', async () => {
    const calls: string[] = [];
    const watched = (name: string) =>
      wrapBroker(memory(), () => ({
        connectOnce: (go) => (calls.push(`${name} connected`), go()),
        close: (go) => (calls.push(`${name} closed`), go()),
      }));
    const brokers = { here: watched('here'), there: watched('there') };
    const controllers = stock(['moved', { broker: 'here' }], ['sold', { broker: 'there' }]);
    const module = rootModule({ controllers }, { broker: undefined, brokers } as object);
    for (const topic of ['sold', 'sold.test.dead-letter']) {
      expect(await withDeadLetters(module, topic, topicOnly, QUIET)).toBe('sold.test.dead-letter');
    }
    expect(calls.filter((call) => call.endsWith('connected'))).toEqual(['there connected', 'there connected']);
    expect(calls.filter((call) => call === 'there closed')).toHaveLength(2);
  });

  it.each([
    [
      'a topic that is not the application’s',
      'order.craeted',
      undefined,
      /"order.craeted" is not a topic .* Known: "moved\.a\.dead-letter" on broker "default", /,
    ],
    [
      'a topic whose messages are discarded',
      'sold',
      undefined,
      /"sold" is not a topic of this application with dead letters\./,
    ],
    ['a topic of another broker', 'moved', 'there', /"moved" is not a topic .* on broker "there"\./],
    [
      'a topic with dead letters of two groups',
      'moved',
      undefined,
      /has several dead-letter topics\. Pass one of them, and its broker: "moved\.a\.dead-letter" on broker "default", "moved\.b\./,
    ],
  ])('are refused for %s', async (_what, topic, broker, complaint) => {
    const controllers = stock(
      ['moved', { group: 'a' }],
      ['moved', { group: 'b' }],
      ['sold', { deadLetterTopic: false }],
    );
    const asked = withDeadLetters(rootModule({ controllers }), topic, topicOnly, {
      ...QUIET,
      ...(broker === undefined ? {} : { broker }),
    });
    const error = await refusal(asked);
    expect(error).toMatchObject({ code: 'TRANSPORT_SUBSCRIPTION_UNKNOWN', message: expect.stringMatching(complaint) });
  });
});
