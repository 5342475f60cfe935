import { Controller, Post, UseFilters } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import {
  Publisher,
  PublishErrorFilter,
  Subscribe,
  TransportError,
  type ErrorCode,
  type TransportErrorDetails,
} from 'nest-transport';
import { boot, closeAll, outcome } from './boot.js';

afterEach(closeAll);

/** What the publisher of a route fails with. */
let failure: Error;

@Controller()
class OrdersController {
  @Post('orders')
  async place(): Promise<void> {
    throw failure;
  }
}

const publishError = (code: ErrorCode, details: TransportErrorDetails): Error =>
  new TransportError(code, 'cannot publish to "order.created" at 10.0.0.7:9092.', details);

async function answerTo(error: Error, controllers: (new () => object)[] = [OrdersController]) {
  failure = error;
  const filters = [{ provide: APP_FILTER, useClass: PublishErrorFilter }];
  const { app } = await boot({ controllers, providers: filters });
  if (!('getHttpServer' in app)) throw new Error('an application with HTTP was asked for');
  await app.listen(0, '127.0.0.1');
  const response = await fetch(`${await app.getUrl()}/orders`, { method: 'POST' });
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body: await response.json() };
}

describe('a route that publishes, with PublishErrorFilter', () => {
  it('answers 503 with Retry-After where a retry can succeed, and shows that the message may be stored', async () => {
    const error = publishError('TRANSPORT_PUBLISH_TIMEOUT', { retryable: true, stored: 'unknown', topic: 'orders' });
    expect(await answerTo(error)).toEqual({
      status: 503,
      retryAfter: '5',
      body: {
        statusCode: 503,
        error: 'Service Unavailable',
        message: 'No confirmation arrived within publishTimeoutMs.',
        code: 'TRANSPORT_PUBLISH_TIMEOUT',
        retryable: true,
        stored: 'unknown',
      },
    });
  });

  it.each([
    ['TRANSPORT_PAYLOAD_INVALID', 422, 'Unprocessable Entity'],
    ['TRANSPORT_MESSAGE_TOO_LARGE', 422, 'Unprocessable Entity'],
    ['TRANSPORT_AUTHORIZATION_FAILED', 500, 'Internal Server Error'],
  ] as const)('answers a permanent %s with %i', async (code, statusCode, error) => {
    const { status, retryAfter, body } = await answerTo(publishError(code, { stored: 'no' }));
    expect({ status, retryAfter }).toEqual({ status: statusCode, retryAfter: null });
    expect(body).toMatchObject({ statusCode, error, code, retryable: false, stored: 'no' });
  });

  it('shows no address of a broker', async () => {
    const { body } = await answerTo(publishError('TRANSPORT_BROKER_UNREACHABLE', { retryable: true }));
    expect(JSON.stringify(body)).not.toContain('10.0.0.7');
  });

  it('leaves other errors to Nest', async () => {
    expect(await answerTo(new Error('a bug'))).toMatchObject({
      status: 500,
      body: { message: 'Internal server error' },
    });
  });

  it('maps what a real publish fails with, and works on one controller', async () => {
    @Controller()
    @UseFilters(PublishErrorFilter)
    class Closing {
      constructor(readonly publisher: Publisher) {}

      @Post('orders')
      async place(): Promise<void> {
        await this.publisher.publish('order.created', { total: Number.NaN });
      }
    }
    Reflect.defineMetadata('design:paramtypes', [Publisher], Closing);
    const { status, body } = await answerTo(failure, [Closing as new () => object]);
    expect({ status, body }).toMatchObject({
      status: 500,
      body: { code: 'TRANSPORT_PAYLOAD_UNENCODABLE', stored: 'no' },
    });
  });
});

it('a message handler keeps its error where PublishErrorFilter is global: it is retried and dead-lettered', async () => {
  const thrown = publishError('TRANSPORT_PUBLISH_TIMEOUT', { retryable: true, stored: 'unknown' });
  @Controller()
  class Handlers {
    @Subscribe('order.created')
    handle(): never {
      throw thrown;
    }
  }
  const filters = [{ provide: APP_FILTER, useClass: PublishErrorFilter }];
  const { publisher, notices } = await boot({ controllers: [Handlers], providers: filters });
  const ended = outcome(notices);
  await publisher.publish('order.created', {});
  expect(await ended).toMatchObject({ how: 'dead-lettered', error: thrown, retries: 2 });
});
