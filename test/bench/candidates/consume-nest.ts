import { randomUUID } from 'node:crypto';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, Payload, Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { logLevel } from 'kafkajs';
import { Meter, type Figures } from '../figures.js';
import { OrderCheck, type Order } from '../order.js';
import { FETCH, FETCH_WAIT_MS } from './fetch-settings.js';
import type { RowOrder } from './index.js';

/** Nest's built-in Kafka transport. */
export async function consumeNest({ messages, brokers, topic }: RowOrder): Promise<Figures> {
  const check = new OrderCheck();
  const meter = new Meter(messages);

  @Controller()
  class Orders {
    // n.b. the overloads of Nest's decorator clash with exactOptionalPropertyTypes.
    @(EventPattern(topic) as MethodDecorator)
    take(@Payload() order: Order): void {
      check.see(order);
      meter.count();
    }
  }
  @Module({ controllers: [Orders] })
  class App {}

  const app = await NestFactory.createMicroservice<MicroserviceOptions>(App, {
    logger: ['error', 'warn'],
    transport: Transport.KAFKA,
    options: {
      client: { brokers: [...brokers], logLevel: logLevel.NOTHING },
      consumer: { groupId: `bench-${randomUUID()}`, ...FETCH, maxWaitTimeInMs: FETCH_WAIT_MS },
      subscribe: { fromBeginning: true },
    },
  });
  await app.listen();
  const figures = await meter.done;
  await app.close();
  return { ...figures, notes: { violations: check.violations } };
}
