import {
  BadRequestException,
  ForbiddenException,
  HttpException,
  InternalServerErrorException,
  NotFoundException,
  RequestTimeoutException,
  ServiceUnavailableException,
} from '@nestjs/common';
import { KafkaRetriableException, RpcException } from '@nestjs/microservices';
import { DeadLetter, Drop, RetryAfter } from '../../consuming/index.js';
import { TransportError } from '../../contract/index.js';
import { classifyNestError } from './classify-nest-error.js';

const circular: { getError: () => unknown } = { getError: () => circular };

test.each([
  ['what a ValidationPipe throws', new BadRequestException(['n must be an integer']), 'permanent'],
  ['not found', new NotFoundException(), 'permanent'],
  ['forbidden', new ForbiddenException(), 'permanent'],
  ['a teapot', new HttpException('teapot', 418), 'permanent'],
  ['408', new RequestTimeoutException(), 'retryable'],
  ['425', new HttpException('early', 425), 'retryable'],
  ['429', new HttpException('slow down', 429), 'retryable'],
  ['500', new InternalServerErrorException(), 'retryable'],
  ['503', new ServiceUnavailableException(), 'retryable'],
  ['an exception of another copy of Nest', { getStatus: () => 422 }, 'permanent'],
  ['a status that is no number', { getStatus: () => 'bad' }, 'retryable'],
  ["a guard's refusal", new RpcException('Forbidden resource'), 'permanent'],
  ["a guard's refusal as Nest hands it on", { status: 'error', message: 'Forbidden resource' }, 'permanent'],
  ['RpcException with a text', new RpcException('no'), 'retryable'],
  ['RpcException with a status', new RpcException({ status: 422, message: 'no' }), 'permanent'],
  ['RpcException with a statusCode', new RpcException({ statusCode: 503, status: 'error' }), 'retryable'],
  ['RpcException with an HttpException', new RpcException(new NotFoundException()), 'permanent'],
  ['RpcException with a DeadLetter', new RpcException(new DeadLetter('no')), 'permanent'],
  ['RpcException with a Drop', new RpcException(new Drop('no')), 'drop'],
  ['RpcException with a RetryAfter', new RpcException(new RetryAfter(5)), 'retry-after'],
  ['RpcException with an Error', new RpcException(new Error('no')), 'retryable'],
  ['RpcException in RpcException', new RpcException(new RpcException({ status: 400 })), 'permanent'],
  ['KafkaRetriableException, which holds itself', new KafkaRetriableException('again'), 'retryable'],
  ['anything that holds itself', circular, 'retryable'],
])('%s is judged as Nest means it', (_, error, kind) => {
  expect(classifyNestError(error)?.kind).toBe(kind);
});

test.each([
  ['an Error', new Error('no database')],
  ['an Error with a status, which is an HTTP client’s', Object.assign(new Error('404'), { status: 404 })],
  ['our own errors', new TransportError('TRANSPORT_PAYLOAD_INVALID', 'no')],
  ['a DeadLetter', new DeadLetter('no')],
  ['what Nest made of an unknown error', { status: 'error', message: 'Internal server error' }],
  ['a text', 'no'],
  ['null', null],
  ['undefined', undefined],
])('%s is left to the library’s table', (_, error) => {
  expect(classifyNestError(error)).toBeUndefined();
});
