import {
  Controller,
  Injectable,
  Module,
  Scope,
  UseFilters,
  UseInterceptors,
  type ArgumentsHost,
  type CanActivate,
  type ExceptionFilter,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  defineEvent,
  describeTransport,
  isTransportError,
  Publisher,
  Respond,
  Subscribe,
  TransportClient,
  type MessageContext,
} from 'nest-transport';
import { concat, lastValueFrom, map, of, throwError, toArray, type Observable } from 'rxjs';
import { boot, closeAll, outcome, refusal, rootModule } from './boot.js';

const Moved = defineEvent<{ n: number }>('moved');

afterEach(closeAll);

describe('@Respond on a provider', () => {
  @Injectable()
  class Plus implements NestInterceptor {
    intercept(_: unknown, next: { handle(): Observable<number> }): Observable<number> {
      return next.handle().pipe(map((n) => n + 1));
    }
  }
  const seen: unknown[] = [];
  class Last implements ExceptionFilter {
    catch(error: Error, host: ArgumentsHost): Observable<string> {
      seen.push(host.switchToRpc().getData(), host.switchToRpc().getContext<MessageContext>().topic);
      return of(`filtered ${error.message}`);
    }
  }
  @Injectable()
  class Counter {
    @UseInterceptors(Plus)
    @UseFilters(Last)
    @Respond('count')
    count(@Payload('to') to: number): Observable<number> {
      return concat(
        of(...Array.from({ length: to }, (_, n) => n)),
        throwError(() => new Error('end')),
      );
    }
  }

  test('answers every value of a stream, and what a filter makes of its error', async () => {
    const { app } = await boot({ providers: [Counter] });
    const answers = app.get(TransportClient).send<unknown>('count', { to: 3 }).pipe(toArray());
    expect(await lastValueFrom(answers)).toEqual([1, 2, 3, 'filtered end']);
    expect(seen).toEqual([{ to: 3 }, 'count']);
  });
});

test.each([
  ['transient', Scope.TRANSIENT],
  ['request-scoped', Scope.REQUEST],
])('a %s provider has an instance of its own for each message', async (_, scope) => {
  const instances = new Set<object>();
  @Injectable({ scope })
  class Mover {
    readonly isMade = true;
    @Subscribe(Moved)
    move(@Payload() { n }: { n: number }, @Ctx() { topic }: MessageContext): void {
      if (this.isMade && topic === 'moved' && n > 0) instances.add(this);
    }
  }
  const { publisher, notices } = await boot({ providers: [Mover] });
  for (const n of [1, 2]) {
    const ended = outcome(notices);
    await publisher.publish(Moved, { n });
    expect(await ended).toEqual({ how: 'acked', retries: 0 });
  }
  expect(instances.size).toBe(2);
});

test('a global guard in request scope is asked for each message of a provider that is none', async () => {
  const guards = new Set<object>();
  const movers = new Set<object>();
  @Injectable({ scope: Scope.REQUEST })
  class Guard implements CanActivate {
    canActivate(): boolean {
      return guards.add(this).size > 0;
    }
  }
  @Injectable()
  class Mover {
    @Subscribe(Moved)
    move(@Payload() _: unknown): void {
      movers.add(this);
    }
  }
  const { publisher, notices } = await boot({
    providers: [Mover, { provide: APP_GUARD, scope: Scope.REQUEST, useClass: Guard }],
  });
  for (const n of [1, 2]) {
    const ended = outcome(notices);
    await publisher.publish(Moved, { n });
    expect(await ended).toEqual({ how: 'acked', retries: 0 });
  }
  expect([guards.size, movers.size]).toEqual([2, 2]);
});

test('an instance is one handler, whatever tokens it has: its class, an alias, a value, and a controller that it is as well', async () => {
  const calls: string[] = [];
  const Left = defineEvent<object>('left');
  class Leaver {
    @Subscribe(Left)
    left(): void {
      calls.push('left');
    }
  }
  const leaver = new Leaver();
  @Controller()
  class Mover {
    @Subscribe(Moved)
    move(@Payload() _: unknown): void {
      calls.push('moved');
    }
  }
  const { publisher, notices } = await boot({
    controllers: [Mover],
    providers: [
      Mover,
      { provide: 'ALIAS', useExisting: Mover },
      { provide: Leaver, useValue: leaver },
      { provide: 'MADE', useFactory: () => leaver },
    ],
  });
  for (const event of [Moved, Left]) {
    const ended = outcome(notices);
    await publisher.publish(event as typeof Moved, { n: 1 });
    expect(await ended).toEqual({ how: 'acked', retries: 0 });
  }
  expect(calls).toEqual(['moved', 'left']);
});

test('a class that two modules provide is refused: each would handle the message', async () => {
  @Injectable()
  class Mover {
    @Subscribe(Moved)
    move(@Payload() _: unknown): void {}
  }
  @Module({ providers: [Mover] })
  class Other {}
  const error = await refusal(boot({ imports: [Other], providers: [Mover] }));
  expect(isTransportError(error, 'TRANSPORT_SUBSCRIPTION_DUPLICATE')).toBe(true);
  expect(error.message).toContain('Mover.move is registered twice');
  expect(error.message).toContain('two modules provide its class');
});

test('describeTransport knows the subscriptions of providers', async () => {
  @Injectable()
  class Mover {
    constructor(readonly publisher: Publisher) {}
    @Subscribe(Moved, { group: 'described' })
    move(@Payload() _: unknown): void {}
  }
  const { subscriptions } = await describeTransport(rootModule({ providers: [Mover] }), { logger: false });
  expect(subscriptions).toMatchObject([{ topic: 'moved', group: 'described' }]);
});
