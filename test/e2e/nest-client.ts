import { Controller, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { lastValueFrom, from, of, throwError, toArray, type Observable } from 'rxjs';
import { connectTransport, TransportClient, TransportModule, type Broker } from 'nest-transport';
import { uniqueName } from '../../tools/brokers/names.mjs';

const total = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0);

/** Handlers of each form that Nest has, on topics of their own. @param notified is called with the payload of an event */
function calculatorOf(prefix: string, notified: (payload: unknown) => void) {
  @Controller()
  class Calculator {
    @MessagePattern(`${prefix}.sum`)
    sum(numbers: number[]): number {
      return total(numbers);
    }
    @MessagePattern({ cmd: `${prefix}-sum` })
    byObject(numbers: number[]): number {
      return total(numbers);
    }
    @MessagePattern(`${prefix}.later`)
    later(numbers: number[]): Promise<number> {
      return Promise.resolve(total(numbers));
    }
    @MessagePattern(`${prefix}.observable`)
    observable(numbers: number[]): Observable<number> {
      return of(total(numbers));
    }
    @MessagePattern(`${prefix}.stream`)
    stream(numbers: number[]): Observable<number> {
      return from(numbers);
    }
    @MessagePattern(`${prefix}.echo`)
    echo(payload: unknown): unknown {
      return payload;
    }
    @MessagePattern(`${prefix}.text-error`)
    textError(_: unknown): Observable<never> {
      return throwError(() => new RpcException('test'));
    }
    @MessagePattern(`${prefix}.object-error`)
    objectError(_: unknown): never {
      throw new RpcException({ code: 'NO_STOCK', status: 409 });
    }
    @EventPattern(`${prefix}.notified`)
    notified(@Payload() payload: unknown): void {
      notified(payload);
    }
  }
  return Calculator;
}

/** What an application that was written for a client of Nest's own transports gets from ours. */
export async function answersToNestCode(broker: Broker): Promise<Record<string, unknown>> {
  const prefix = uniqueName('sums');
  let notify: (payload: unknown) => void = () => undefined;
  const notified = new Promise<unknown>((resolve) => (notify = resolve));
  const module = {
    module: class AppModule {},
    imports: [TransportModule.forRoot({ service: prefix, broker, logger: false })],
    controllers: [calculatorOf(prefix, notify)],
  };
  const app = await NestFactory.create(module, { logger: false });
  try {
    return await answersOf(connectTransport(app), prefix, notified);
  } finally {
    await app.close();
  }
}

async function answersOf(app: INestApplication, prefix: string, notified: Promise<unknown>) {
  await app.init();
  const client = app.get(TransportClient);
  const ask = (pattern: unknown, payload: unknown): Promise<unknown> => lastValueFrom(client.send(pattern, payload));
  const failure = (name: string): Promise<unknown> => ask(`${prefix}.${name}`, {}).catch((error: unknown) => error);
  const five = [1, 2, 3, 4, 5];
  const tens = Array.from({ length: 10 }, (_, ten) => Array.from({ length: 10 }, (_, one) => ten * 10 + one));
  await lastValueFrom(client.emit(`${prefix}.notified`, { done: true }));
  return {
    sum: await ask(`${prefix}.sum`, five),
    byObject: await ask({ cmd: `${prefix}-sum` }, five),
    later: await ask(`${prefix}.later`, five),
    observable: await ask(`${prefix}.observable`, five),
    stream: await lastValueFrom(client.send(`${prefix}.stream`, five).pipe(toArray())),
    concurrent: await Promise.all(tens.map((numbers) => ask(`${prefix}.sum`, numbers))),
    text: await ask(`${prefix}.echo`, 'a text'),
    number: await ask(`${prefix}.echo`, 12_345),
    textError: await failure('text-error'),
    objectError: await failure('object-error'),
    notified: await notified,
  };
}

/** All that Nest's own transports answer. */
export const NESTS_ANSWERS = {
  sum: 15,
  byObject: 15,
  later: 15,
  observable: 15,
  stream: [1, 2, 3, 4, 5],
  concurrent: Array.from({ length: 10 }, (_, ten) => ten * 100 + 45),
  text: 'a text',
  number: 12_345,
  textError: { status: 'error', message: 'test' },
  objectError: { code: 'NO_STOCK', status: 409 },
  notified: { done: true },
};
