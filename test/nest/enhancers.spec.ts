import {
  BadRequestException,
  Catch,
  Controller,
  Get,
  Inject,
  Injectable,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type INestApplication,
  type ModuleMetadata,
  type NestInterceptor,
  type PipeTransform,
  type Provider,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import {
  CONTEXT,
  Ctx,
  EventPattern,
  Payload,
  RpcException,
  Transport,
  type RequestContext,
} from '@nestjs/microservices';
import { IsInt } from 'class-validator';
import {
  DeadLetter,
  defineEvent,
  Drop,
  MessageHeader,
  Subscribe,
  type Headers,
  type MessageContext,
} from 'nest-transport';
import type { AddressInfo } from 'node:net';
import { delay, EMPTY, from, map, of, tap, throwError, type Observable } from 'rxjs';
import { boot, closeAll, KINDS, outcome, type App } from './boot.js';

const Moved = defineEvent<{ n: number }>('moved', { key: ({ n }) => String(n) });

afterEach(closeAll);

const HOSTS = KINDS.flatMap((kind) => (['controllers', 'providers'] as const).map((host) => ({ kind, host })));

describe.each(HOSTS)('in a $kind application, handlers on $host:', ({ kind, host }) => {
  const besideOthers = (handlers: (new (...args: never[]) => object)[], others: Provider[]): ModuleMetadata =>
    host === 'controllers'
      ? { controllers: handlers, providers: others }
      : { providers: [...others, ...(handlers as Provider[])] };

  test('guard, interceptor, pipe and handler run for a message, in this order, with its payload and context', async () => {
    const trace: string[] = [];
    @Injectable()
    class Guard implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        trace.push(`guard ${context.getType()} ${context.switchToRpc().getContext<MessageContext>().topic}`);
        return true;
      }
    }
    @Injectable()
    class Interceptor implements NestInterceptor {
      intercept(_context: ExecutionContext, handler: CallHandler): Observable<unknown> {
        trace.push('interceptor before');
        return handler.handle().pipe(tap(() => trace.push('interceptor after')));
      }
    }
    @Injectable()
    class Double implements PipeTransform {
      transform(value: { n: number }): { n: number } {
        trace.push('pipe');
        return { n: value.n * 2 };
      }
    }
    @Controller()
    class Mover {
      @UseGuards(Guard)
      @Subscribe(Moved)
      @UseInterceptors(Interceptor)
      move(@Payload(Double) payload: { n: number }, @Ctx() context: MessageContext): string {
        trace.push(`handler ${payload.n} ${context.group} ${context.attempt} ${context.key}`);
        return 'done';
      }
    }
    const { publisher, notices } = await boot({ [host]: [Mover] }, { kind });
    const ended = outcome(notices);
    await publisher.publish(Moved, { n: 21 });
    expect(await ended).toEqual({ how: 'acked', retries: 0 });
    expect(trace).toEqual([
      'guard rpc moved',
      'interceptor before',
      'pipe',
      'handler 42 test 1 21',
      'interceptor after',
    ]);
  });

  test('a handler can ask for one header, or for all', async () => {
    const got: unknown[] = [];
    @Controller()
    class Mover {
      @Subscribe(Moved)
      move(
        @Payload() _: unknown,
        @MessageHeader('Tenant') tenant: string | undefined,
        @MessageHeader() all: Headers,
      ): void {
        got.push(tenant, all['tenant']);
      }
    }
    const { publisher, notices } = await boot({ [host]: [Mover] }, { kind });
    const ended = outcome(notices);
    await publisher.publish(Moved, { n: 1 }, { headers: { tenant: 'acme' } });
    await ended;
    expect(got).toEqual(['acme', 'acme']);
  });

  test('globals run once per message, set by APP_ providers or by useGlobal after the application was created', async () => {
    const trace: string[] = [];
    const guard = (name: string): CanActivate => ({ canActivate: () => trace.push(`guard ${name}`) > 0 });
    const pipe = (name: string): PipeTransform => ({
      transform: (value: unknown) => (trace.push(`pipe ${name}`), value),
    });
    const interceptor = (name: string): NestInterceptor => ({
      intercept: (_, handler) => (trace.push(`interceptor ${name}`), handler.handle()),
    });
    @Controller()
    class Mover {
      @Subscribe(Moved)
      move(@Payload() _: unknown): void {}
    }
    const { publisher, notices } = await boot(
      besideOthers(
        [Mover],
        [
          { provide: APP_GUARD, useValue: guard('app') },
          { provide: APP_PIPE, useValue: pipe('app') },
          { provide: APP_INTERCEPTOR, useValue: interceptor('app') },
        ],
      ),
      {
        kind,
        prepare: (app) => {
          app.useGlobalGuards(guard('use'));
          app.useGlobalPipes(pipe('use'));
          app.useGlobalInterceptors(interceptor('use'));
        },
      },
    );
    const ended = outcome(notices);
    await publisher.publish(Moved, { n: 1 });
    await ended;
    expect(trace.sort()).toEqual([
      'guard app',
      'guard use',
      'interceptor app',
      'interceptor use',
      'pipe app',
      'pipe use',
    ]);
  });

  test('a request-scoped controller is made anew for every message, and its guards too', async () => {
    const instances = new Set<object>();
    const contexts: string[] = [];
    @Injectable({ scope: Scope.REQUEST })
    class Guard implements CanActivate {
      constructor(@Inject(CONTEXT) private readonly request: RequestContext) {}
      canActivate(): boolean {
        contexts.push((this.request.getContext() as unknown as MessageContext).topic);
        return true;
      }
    }
    @Controller({ scope: Scope.REQUEST })
    class Mover {
      @Subscribe(Moved)
      move(@Payload() _: unknown): void {
        instances.add(this);
      }
    }
    const { publisher, notices } = await boot(
      besideOthers([Mover], [{ provide: APP_GUARD, scope: Scope.REQUEST, useClass: Guard }]),
      { kind },
    );
    for (const n of [1, 2]) {
      const ended = outcome(notices);
      await publisher.publish(Moved, { n });
      expect(await ended).toEqual({ how: 'acked', retries: 0 });
    }
    expect(instances.size).toBe(2);
    expect(contexts).toEqual(['moved', 'moved']);
  });

  const poison = new DeadLetter('poison');
  const throws = (): never => {
    throw poison;
  };
  const throwers: [string, MethodDecorator | undefined][] = [
    ['guard', UseGuards({ canActivate: throws })],
    ['pipe', UsePipes({ transform: throws })],
    ['interceptor', UseInterceptors({ intercept: throws })],
    ['stream of an interceptor', UseInterceptors({ intercept: () => throwError(() => poison) })],
    ['handler', undefined],
  ];
  test.each(throwers)('the error itself that a %s throws decides what becomes of the message', async (_, decorator) => {
    @Controller()
    class Mover {
      @Subscribe(Moved)
      move(@Payload() _: unknown): void {
        if (decorator === undefined) throws();
      }
    }
    decorator?.(Mover.prototype, 'move', Object.getOwnPropertyDescriptor(Mover.prototype, 'move') as never);
    const { publisher, notices } = await boot({ [host]: [Mover] }, { kind });
    const ended = outcome(notices);
    await publisher.publish(Moved, { n: 1 });
    expect(await ended).toEqual({ how: 'dead-lettered', error: poison, retries: 0 });
  });

  test('the original error in a request-scoped controller is kept, and that of its dependencies', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Dependency {
      constructor() {
        throws();
      }
    }
    @Controller({ scope: Scope.REQUEST })
    class Mover {
      constructor(readonly dependency: Dependency) {}
      @Subscribe(Moved)
      move(@Payload() _: unknown): void {}
    }
    const { publisher, notices } = await boot(besideOthers([Mover], [Dependency]), { kind });
    const ended = outcome(notices);
    await publisher.publish(Moved, { n: 1 });
    expect(await ended).toEqual({ how: 'dead-lettered', error: poison, retries: 0 });
  });

  test("a guard's refusal is final", async () => {
    @Controller()
    class Mover {
      @UseGuards({ canActivate: () => false })
      @Subscribe(Moved)
      move(@Payload() _: unknown): void {}
    }
    const { publisher, notices } = await boot({ [host]: [Mover] }, { kind });
    const ended = outcome(notices);
    await publisher.publish(Moved, { n: 1 });
    expect(await ended).toMatchObject({ how: 'dead-lettered', retries: 0, error: { message: 'Forbidden resource' } });
  });

  class MovedDto {
    @IsInt()
    n!: number;
  }

  test('ValidationPipe makes DTOs of payloads, and what does not fit is never retried', async () => {
    const got: unknown[] = [];
    @Controller()
    class Mover {
      @Subscribe(defineEvent<MovedDto>('dto'))
      move(@Payload() payload: MovedDto): void {
        got.push(payload);
      }
    }
    const { publisher, notices } = await boot(
      { [host]: [Mover] },
      { kind, prepare: (app) => void app.useGlobalPipes(new ValidationPipe({ transform: true })) },
    );
    const good = outcome(notices);
    await publisher.publish('dto', { n: 1 });
    expect(await good).toEqual({ how: 'acked', retries: 0 });
    expect(got[0]).toBeInstanceOf(MovedDto);
    const bad = outcome(notices);
    await publisher.publish('dto', { n: 'one' });
    expect(await bad).toMatchObject({ how: 'dead-lettered', retries: 0, error: { name: 'BadRequestException' } });
    expect(got).toHaveLength(1);
  });

  test('an error that nobody knows is tried again up to the last attempt, and told as it is', async () => {
    const trouble = new TypeError('no database');
    const attempts: number[] = [];
    @Controller()
    class Mover {
      @Subscribe(Moved)
      move(@Payload() _: unknown, @Ctx() context: MessageContext): void {
        attempts.push(context.attempt);
        throw trouble;
      }
    }
    const { publisher, notices } = await boot({ [host]: [Mover] }, { kind });
    const ended = outcome(notices);
    await publisher.publish(Moved, { n: 1 });
    expect(await ended).toEqual({ how: 'dead-lettered', error: trouble, retries: 2 });
    expect(attempts).toEqual([1, 2, 3]);
  });

  @Catch(TypeError)
  class Resolving implements ExceptionFilter {
    async catch(): Promise<void> {}
  }
  @Catch(TypeError)
  class Emptying implements ExceptionFilter {
    catch(): Observable<never> {
      return EMPTY;
    }
  }
  @Catch(TypeError)
  class Translating implements ExceptionFilter {
    catch(error: unknown): Observable<never> {
      return throwError(() => new Drop('translated', { cause: error }));
    }
  }
  @Catch(TypeError)
  class Rethrowing implements ExceptionFilter {
    catch(): never {
      throw new BadRequestException('no');
    }
  }
  test.each([
    ['resolves', Resolving, 'acked'],
    ['returns EMPTY', Emptying, 'acked'],
    ['returns another error', Translating, 'dropped'],
    ['throws another error', Rethrowing, 'dead-lettered'],
  ] as const)("a user's filter has the say over an error: one that %s", async (_, Filter, how) => {
    @Controller()
    class Mover {
      @UseFilters(Filter)
      @Subscribe(Moved)
      move(@Payload() _: unknown): void {
        throw new TypeError('mine');
      }
    }
    const { publisher, notices } = await boot({ [host]: [Mover] }, { kind });
    const ended = outcome(notices);
    await publisher.publish(Moved, { n: 1 });
    expect(await ended).toMatchObject({ how, retries: 0 });
  });

  test('a global filter of the user outranks the one that keeps errors, as APP_FILTER and by useGlobalFilters', async () => {
    @Catch(RangeError)
    class Ranging extends Resolving {}
    @Controller()
    class Mover {
      @Subscribe(Moved)
      move(@Payload() { n }: { n: number }): void {
        throw n === 1 ? new TypeError('app') : new RangeError('use');
      }
    }
    const { publisher, notices } = await boot(besideOthers([Mover], [{ provide: APP_FILTER, useClass: Resolving }]), {
      kind,
      prepare: (app) => void app.useGlobalFilters(new Ranging()),
    });
    for (const n of [1, 2]) {
      const ended = outcome(notices);
      await publisher.publish(Moved, { n });
      expect(await ended).toEqual({ how: 'acked', retries: 0 });
    }
  });

  test.each([
    ['completes after some values', () => of(1, 2).pipe(delay(5)), 'acked'],
    ['completes without a value', () => EMPTY, 'acked'],
    ['fails', () => from([1]).pipe(map(throws)), 'dead-lettered'],
  ] as const)('an Observable is waited for: one that %s', async (_, result, how) => {
    let completed = false;
    @Controller()
    class Mover {
      @Subscribe(Moved)
      move(@Payload() _: unknown): Observable<unknown> {
        return result().pipe(tap({ complete: () => (completed = true) }));
      }
    }
    const { publisher, notices } = await boot({ [host]: [Mover] }, { kind });
    const ended = outcome(notices);
    await publisher.publish(Moved, { n: 1 });
    expect(await ended).toMatchObject({ how, retries: 0 });
    expect(completed).toBe(how === 'acked');
  });

  test('several types on one topic, several groups of one event and several decorators on one method each get theirs', async () => {
    const got: string[] = [];
    const Paid = defineEvent<{ id: string }>('paid', { topic: 'orders' });
    const Sent = defineEvent<{ id: string }>('sent', { topic: 'orders' });
    @Controller()
    class Orders {
      @Subscribe(Paid)
      paid(@Payload() { id }: { id: string }): void {
        got.push(`paid ${id}`);
      }
      @Subscribe(Sent)
      sent(@Payload() { id }: { id: string }): void {
        got.push(`sent ${id}`);
      }
      @Subscribe(Paid, { group: 'audit' })
      @Subscribe(Sent, { group: 'audit' })
      audit(@Payload() { id }: { id: string }, @Ctx() { type }: MessageContext): void {
        got.push(`audit ${type} ${id}`);
      }
    }
    const { publisher, notices } = await boot({ [host]: [Orders] }, { kind });
    const ended = new Promise<void>((resolve) => {
      let left = 4;
      notices.on('message:acked', () => --left === 0 && resolve());
    });
    await publisher.publish(Paid, { id: 'a' });
    await publisher.publish(Sent, { id: 'b' });
    await ended;
    expect(got.sort()).toEqual(['audit paid a', 'audit sent b', 'paid a', 'sent b']);
  });

  test('RpcException is judged by what is inside', async () => {
    @Controller()
    class Mover {
      @Subscribe(Moved)
      move(@Payload() { n }: { n: number }): void {
        throw new RpcException(n === 1 ? new Drop('inside') : { status: 422, message: 'no' });
      }
    }
    const { publisher, notices } = await boot({ [host]: [Mover] }, { kind });
    const dropped = outcome(notices);
    await publisher.publish(Moved, { n: 1 });
    expect(await dropped).toMatchObject({ how: 'dropped', retries: 0 });
    const dead = outcome(notices);
    await publisher.publish(Moved, { n: 2 });
    expect(await dead).toMatchObject({ how: 'dead-lettered', retries: 0 });
  });
});

describe.each(KINDS)('in a %s application', (kind) => {
  test('handlers of @EventPattern run unchanged, those for another transport do not', async () => {
    const got: unknown[] = [];
    @Controller()
    class Old {
      @EventPattern('old')
      plain(payload: unknown): void {
        got.push(payload);
      }
      @EventPattern({ cmd: 'old', v: 1 })
      object(@Payload('n') n: number, @Ctx() context: MessageContext): void {
        got.push(n, context.topic);
      }
      @EventPattern('old', Transport.KAFKA)
      elsewhere(_: unknown): void {
        got.push('never');
      }
    }
    const { publisher, notices } = await boot({ controllers: [Old] }, { kind });
    const first = outcome(notices);
    await publisher.publish('old', { pattern: 'x', data: 'kept' });
    await first;
    const second = outcome(notices);
    await publisher.publish('cmd.old.v.1', { n: 7 });
    await second;
    expect(got).toEqual([{ pattern: 'x', data: 'kept' }, 7, 'cmd.old.v.1']);
  });
});

test('HTTP routes of a hybrid application keep their own error handling', async () => {
  @Controller()
  class Both {
    @Get('fails')
    fails(): never {
      throw new Error('secret');
    }
    @Subscribe(Moved)
    move(@Payload() _: unknown): void {}
  }
  const { app } = await boot({ controllers: [Both] });
  const response = await fetch(`${await urlOf(app)}/fails`);
  expect(response.status).toBe(500);
  expect(await response.json()).toEqual({ statusCode: 500, message: 'Internal server error' });
});

test('hooks of tools such as @nestjs/observe see every message begin and end', async () => {
  const { TransportServer } = await import('nest-transport');
  const trace: string[] = [];
  @Controller()
  class Mover {
    @Subscribe(Moved)
    move(@Payload() { n }: { n: number }): Observable<number> {
      return of(n).pipe(tap(() => trace.push('handled')));
    }
  }
  const { publisher, notices } = await boot(
    { controllers: [Mover] },
    {
      prepare: (app) => {
        const server = app.get(TransportServer);
        server.setOnProcessingStartHook((id, context, done) => {
          trace.push(`start ${String((id as symbol).description)} ${(context as MessageContext).topic}`);
          void done();
        });
        server.setOnProcessingEndHook(() => trace.push('end'));
      },
    },
  );
  const ended = outcome(notices);
  await publisher.publish(Moved, { n: 1 });
  expect(await ended).toEqual({ how: 'acked', retries: 0 });
  expect(trace).toEqual(['start nest-transport moved', 'handled', 'end']);
});

async function urlOf(app: App): Promise<string> {
  const server = await (app as INestApplication).listen(0);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
