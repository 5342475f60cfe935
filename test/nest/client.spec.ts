import {
  Catch,
  Controller,
  Inject,
  Injectable,
  NotFoundException,
  UseFilters,
  type RpcExceptionFilter,
} from '@nestjs/common';
import { ClientProxy, EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { getClientToken, isTransportError, Publisher, TransportClient, type Broker } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { firstValueFrom, from, lastValueFrom, map, throwError, toArray, type Observable } from 'rxjs';
import { boot, closeAll, KINDS, outcome, refusal, remembering } from './boot.js';

afterEach(closeAll);

@Injectable()
class ExistingService {
  constructor(@Inject('ORDERS') readonly client: ClientProxy) {}
}

/** As Nest's documentation has it. */
@Catch(RpcException)
class AsDocumented implements RpcExceptionFilter<RpcException> {
  catch(exception: RpcException): Observable<never> {
    return throwError(() => exception.getError());
  }
}

@Controller()
class Calculator {
  @MessagePattern({ cmd: 'sum' })
  sum(@Payload() numbers: number[]): number {
    return numbers.reduce((sum, n) => sum + n, 0);
  }
  @MessagePattern('count')
  count(@Payload() to: number): Observable<number> {
    return from(Array.from({ length: to }, (_, index) => index + 1));
  }
  @MessagePattern('slowly')
  slowly(@Payload() to: number): Promise<Observable<number>> {
    return Promise.resolve(this.count(to).pipe(map((n) => n * 10)));
  }
  @MessagePattern('nothing')
  nothing(_: unknown): void {}
  @MessagePattern('missing')
  missing(_: unknown): never {
    throw new NotFoundException('no such thing');
  }
  @MessagePattern('refused')
  refused(_: unknown): never {
    throw new RpcException('refused on purpose');
  }
  @MessagePattern('coded')
  coded(_: unknown): never {
    const inner = Object.assign(new Error('inside'), { code: 'E_IN' });
    throw new RpcException({ code: 'NO_STOCK', status: 409, details: [{ sku: 'a-1' }], inner, stack: 'at secret.ts' });
  }
  @UseFilters(AsDocumented)
  @MessagePattern('filtered')
  filtered(_: unknown): never {
    throw new RpcException({ code: 'FILTERED', status: 410 });
  }
  @MessagePattern('huge')
  huge(_: unknown): never {
    throw new RpcException({ message: 'too much', rows: 'x'.repeat(100_000) });
  }
  @MessagePattern('broken')
  broken(_: unknown): never {
    throw new Error('password=secret');
  }
}

const existing = {
  controllers: [Calculator],
  providers: [ExistingService, { provide: 'ORDERS', useExisting: getClientToken() }],
};

describe.each(KINDS)('ClientProxy in a %s application', (kind) => {
  test('existing code that injects a client sends, and gets one value, many, or none', async () => {
    const { app } = await boot(existing, { kind });
    const { client } = app.get(ExistingService);
    expect(await firstValueFrom(client.send({ cmd: 'sum' }, [1, 2, 3]))).toBe(6);
    expect(await lastValueFrom(client.send<number>('count', 3).pipe(toArray()))).toEqual([1, 2, 3]);
    expect(await lastValueFrom(client.send<number>('slowly', 2).pipe(toArray()))).toEqual([10, 20]);
    expect(await lastValueFrom(client.send('nothing', {}), { defaultValue: 'none' })).toBe('none');
  });

  test('a request is answered once: its error goes to the sender and is not tried again', async () => {
    const logger = remembering();
    const { app, notices } = await boot(existing, { kind, transport: { logger } });
    const { client } = app.get(ExistingService);
    const told = [];
    for (const pattern of ['missing', 'broken']) {
      const ended = outcome(notices);
      const error = await refusal(firstValueFrom(client.send(pattern, {})));
      expect(isTransportError(error, 'TRANSPORT_REQUEST_FAILED')).toBe(true);
      expect(await ended).toEqual({ how: 'acked', retries: 0 });
      told.push((error.cause as Error).message);
    }
    expect(told).toEqual(['no such thing', 'Internal server error']);
    expect(logger.lines.filter((line) => line.includes('password=secret'))).toHaveLength(1);
  });

  test('a structured error arrives as it was thrown, bounded in size and without a stack', async () => {
    const { app } = await boot(existing, { kind });
    const { client } = app.get(ExistingService);
    const errorOf = (pattern: string) => refusal(firstValueFrom(client.send(pattern, {})));
    expect(await errorOf('coded')).toEqual({
      ...{ code: 'NO_STOCK', status: 409, details: [{ sku: 'a-1' }] },
      inner: { name: 'Error', message: 'inside', code: 'E_IN' },
    });
    expect(await errorOf('filtered')).toEqual({ code: 'FILTERED', status: 410 });
    expect(await errorOf('refused')).toEqual({ status: 'error', message: 'refused on purpose' });
    const missing = { status: 404, response: { statusCode: 404, message: 'no such thing', error: 'Not Found' } };
    expect((await errorOf('missing')).cause).toMatchObject(missing);
    const huge = await errorOf('huge');
    expect(isTransportError(huge, 'TRANSPORT_REQUEST_FAILED')).toBe(true);
    expect(huge.cause).toMatchObject({ message: 'too much' });
    const asked = app.get(Publisher).request('coded', {}, { timeoutMs: 60_000 });
    expect(((await refusal(asked)).cause as { error?: unknown }).error).toMatchObject({
      code: 'NO_STOCK',
      status: 409,
    });
  });

  test('emit publishes without a subscriber, and tells its outcome to one that comes late', async () => {
    const got: unknown[] = [];
    @Controller()
    class Listener {
      @EventPattern('said')
      said(payload: unknown): void {
        got.push(payload);
      }
    }
    const { app, notices } = await boot({ controllers: [Listener] }, { kind });
    const client = app.get(TransportClient);
    const ended = outcome(notices);
    const emitted = client.emit('said', { n: 1 });
    await ended;
    expect(got).toEqual([{ n: 1 }]);
    expect(await firstValueFrom(emitted)).toMatchObject({ topic: 'said' });
  });
});

test('a failed emit reaches its subscriber; without one it is logged', async () => {
  const logger = remembering();
  const { app } = await boot({}, { transport: { logger } });
  const client = app.get(TransportClient);
  const error = await refusal(firstValueFrom(client.emit('no good name', {})));
  expect(isTransportError(error, 'TRANSPORT_TOPIC_INVALID')).toBe(true);
  expect(logger.lines.filter((line) => line.includes('nobody subscribed'))).toEqual([]);
  client.emit('no good name', {});
  await new Promise(setImmediate);
  expect(
    logger.lines.filter((line) => line.startsWith('error emit failed, and its Observable has no subscriber')),
  ).toHaveLength(1);
});

test('calls that clients of Nest need and this one does not do nothing, with one line each', async () => {
  const logger = remembering();
  const { app } = await boot({}, { transport: { logger } });
  const client = app.get(TransportClient);
  for (let time = 0; time < 2; time++) {
    client.subscribeToResponseOf('stock.asked');
    client.on('connect', () => undefined);
  }
  const lines = logger.lines.filter((line) => line.includes('does nothing'));
  expect(lines).toEqual([
    expect.stringContaining('subscribeToResponseOf("stock.asked")'),
    expect.stringContaining('on("connect")'),
  ]);
  await client.connect();
  client.close();
});

test('send is refused by code where the broker cannot answer', async () => {
  const broker = memory();
  const oneWay: Broker = {
    driver: 'oneway',
    capabilities: { ...broker.capabilities, requestReply: 'unsupported' },
    checkSubscription: (subscription) => broker.checkSubscription(subscription),
    open: (host) => broker.open(host),
  };
  const { app } = await boot({}, { transport: { broker: oneWay } });
  const error = await refusal(firstValueFrom(app.get(TransportClient).send('sum', [])));
  expect(isTransportError(error, 'TRANSPORT_CAPABILITY_UNSUPPORTED')).toBe(true);
});

test('headers of a dispatch hook travel with the message', async () => {
  const { app, notices } = await boot({ controllers: [Calculator] });
  const client = app.get(TransportClient);
  client.setOnDispatchHook((packet) => Object.assign(packet, { metadata: { traceparent: '00-1' } }));
  const seen: (string | undefined)[] = [];
  const { TransportServer } = await import('nest-transport');
  app.get(TransportServer).setOnProcessingStartHook((_, context, done) => {
    seen.push((context as { header(name: string): string | undefined }).header('traceparent'));
    void done();
  });
  const ended = outcome(notices);
  expect(await firstValueFrom(client.send({ cmd: 'sum' }, [1]))).toBe(1);
  await ended;
  expect(seen).toEqual(['00-1']);
});
