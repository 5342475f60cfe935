import { Controller, Injectable, UseInterceptors, type CallHandler, type NestInterceptor } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { lastValueFrom, toArray } from 'rxjs';
import { defineEvent, getClientToken, Respond, Subscribe, type TransportClient } from 'nest-transport';
import { boot, closeAll, next } from './boot.js';

afterEach(closeAll);

const passes: NestInterceptor = {
  intercept: (_: unknown, handler: CallHandler): Observable<unknown> => handler.handle(),
};
const ONCE = { retry: { maxAttempts: 1 } } as const;
const Asked = defineEvent<object>('asked');

function controllerOf(seen: string[]) {
  const step = async (text: string): Promise<string> => {
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(text);
    return text;
  };
  @Controller()
  class Generators {
    @Subscribe('plain', ONCE)
    async *plain() {
      yield await step('first');
      yield await step('second');
    }

    @UseInterceptors(passes)
    @Subscribe('intercepted', ONCE)
    async *intercepted() {
      yield await step('first');
      yield await step('second');
    }

    @Subscribe('synchronous', ONCE)
    *synchronous() {
      seen.push('first');
      yield 1;
      seen.push('second');
    }

    @Subscribe('failing', ONCE)
    async *failing() {
      yield await step('first');
      throw new Error('after the first');
    }

    @Respond(Asked)
    async *asked() {
      yield await step('a');
      yield await step('b');
    }
  }
  return Generators;
}

describe('a handler that is a generator', () => {
  it.each(['plain', 'intercepted', 'synchronous'])(
    'is run to its end before its message is acked: %s',
    async (topic) => {
      const seen: string[] = [];
      const { publisher, notices } = await boot({ controllers: [controllerOf(seen)] });
      const acked = next(notices, 'message:acked');
      await publisher.publish(topic, {});
      await acked;
      expect(seen).toEqual(['first', 'second']);
    },
  );

  it('is run to its end in a provider, too', async () => {
    const seen: string[] = [];
    @Injectable()
    class Provider {
      @Subscribe('of.provider', ONCE)
      async *handle() {
        seen.push(await Promise.resolve('first'));
        yield 1;
        seen.push('second');
      }
    }
    const { publisher, notices } = await boot({ providers: [Provider] });
    const acked = next(notices, 'message:acked');
    await publisher.publish('of.provider', {});
    await acked;
    expect(seen).toEqual(['first', 'second']);
  });

  it('fails its message when it throws on its way', async () => {
    const seen: string[] = [];
    const { publisher, notices } = await boot({ controllers: [controllerOf(seen)] });
    const dead = next(notices, 'message:dead-lettered');
    await publisher.publish('failing', {});
    expect((await dead).error).toMatchObject({ message: 'after the first' });
  });

  it('answers a request with what it yields', async () => {
    const { app } = await boot({ controllers: [controllerOf([])] });
    const client = app.get<TransportClient>(getClientToken());
    expect(await lastValueFrom(client.send('asked', {}).pipe(toArray()))).toEqual(['a', 'b']);
  });
});
