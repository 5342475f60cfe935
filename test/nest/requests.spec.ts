import { Controller, NotFoundException } from '@nestjs/common';
import { setTimeout } from 'node:timers/promises';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import {
  defineEvent,
  isTransportError,
  Publisher,
  Respond,
  TransportClient,
  type Broker,
  type BrokerConnection,
  type MessageContext,
  type TransportModuleOptions,
} from 'nest-transport';
import { msgpack } from 'nest-transport/codecs';
import { memory } from 'nest-transport/memory';
import {
  catchError,
  concat,
  defer,
  finalize,
  firstValueFrom,
  from,
  interval,
  lastValueFrom,
  NEVER,
  of,
  throwError,
  toArray,
} from 'rxjs';
import { z } from 'zod';
import { boot, closeAll, create, FAST, refusal, rootModule, start } from './boot.js';

const StockAsked = defineEvent('stock.asked', {
  schema: z.object({ sku: z.string() }),
  answer: z.object({ left: z.number() }),
});
const FOR_A_WHILE = { timeoutMs: 5_000 };

/** Memory without its own way of answering: replies go over a topic, as on Kafka and NSQ. */
function overTopics(): Broker {
  const broker = memory();
  return {
    driver: 'mailbox',
    capabilities: { ...broker.capabilities, requestReply: 'emulated' },
    checkSubscription: (subscription) => broker.checkSubscription(subscription),
    open: (host) => {
      const { requester: _, ...others } = members(broker.open(host));
      return others;
    },
  };
}

/** n.b. methods of a class are not copied by a spread. */
const members = (connection: BrokerConnection): BrokerConnection => ({
  producer: connection.producer,
  connect: (abort) => connection.connect(abort),
  connectOnce: () => connection.connectOnce(),
  ensureTopics: (topics, purpose) => connection.ensureTopics(topics, purpose),
  consume: (subscriptions) => connection.consume(subscriptions),
  health: () => connection.health(),
  close: () => connection.close(),
});

@Controller()
class Stock {
  @Respond(StockAsked)
  async left(@Payload() { sku }: { sku: string }): Promise<{ left: number }> {
    if (sku === 'unknown') throw new NotFoundException('no such sku');
    if (sku === 'broken') throw new Error('the password of the database is hunter2');
    if (sku === 'slow') await setTimeout(200, undefined, { ref: false });
    return { left: sku.length };
  }

  @Respond('stock.odd')
  odd(): unknown {
    return { left: 'none' };
  }

  @MessagePattern('stock.list')
  list() {
    return from([1, 2, 3]);
  }

  @MessagePattern('stock.partial')
  partial() {
    return concat(
      from([1, 2, 3, 4, 5]),
      throwError(() => new NotFoundException('no more')),
    );
  }
}

const TWO_AT_ONCE = { ...FAST, concurrency: 2 };

/** Streams that never end, and how many of them run. */
@Controller()
class Endless {
  static running = 0;
  static readonly aborted: unknown[] = [];

  @MessagePattern('endless.ticks')
  ticks(@Ctx() { signal }: MessageContext) {
    signal.addEventListener('abort', () => Endless.aborted.push(signal.reason));
    return defer(() => {
      Endless.running++;
      return interval(5);
    }).pipe(finalize(() => Endless.running--));
  }

  @Respond('endless.silent')
  silent(@Payload() { quick }: { quick?: boolean }) {
    if (quick === true) return 'done';
    return defer(() => {
      Endless.running++;
      return NEVER;
    }).pipe(finalize(() => Endless.running--));
  }

  @Respond('endless.waiting')
  async waiting(@Payload() { quick }: { quick?: boolean }, @Ctx() { signal }: MessageContext) {
    if (quick !== true) await setTimeout(60_000, undefined, { signal });
    return 'done';
  }
}

const isStill = async (): Promise<void> => {
  while (Endless.running > 0) await setTimeout(5);
};

afterEach(closeAll);

describe.each([
  ['of its own', memory],
  ['over topics', overTopics],
])('a broker that answers %s', (_, broker) => {
  const bootStock = () => boot({ controllers: [Stock] }, { transport: { broker: broker() } });

  test('brings the answer of a handler to the one who asked, and answers do not cross', async () => {
    const { publisher } = await bootStock();
    const skus = ['a', 'bb', 'ccc'];
    const answers = await Promise.all(skus.map((sku) => publisher.request(StockAsked, { sku }, FOR_A_WHILE)));
    expect(answers.map(({ left }) => left)).toEqual([1, 2, 3]);
  });

  test("brings a handler's error by name and message, and nothing of what merely happened inside", async () => {
    const { publisher } = await bootStock();
    const meant = await refusal(publisher.request(StockAsked, { sku: 'unknown' }, FOR_A_WHILE));
    expect(isTransportError(meant, 'TRANSPORT_REQUEST_FAILED')).toBe(true);
    expect(meant).toMatchObject({ cause: { name: 'NotFoundException', message: 'no such sku' } });
    const inner = await refusal(publisher.request(StockAsked, { sku: 'broken' }, FOR_A_WHILE));
    expect(inner).toMatchObject({ cause: { name: 'Error', message: 'Internal server error' } });
  });

  test('ends a request without an answer at its timeout, and drops an answer that comes later', async () => {
    const { publisher } = await bootStock();
    const slow = await refusal(publisher.request(StockAsked, { sku: 'slow' }, { timeoutMs: 20 }));
    expect(isTransportError(slow, 'TRANSPORT_REQUEST_TIMEOUT')).toBe(true);
    expect(slow.message).toContain('from "stock.asked" within 20 ms');
    await expect(publisher.request(StockAsked, { sku: 'a' }, FOR_A_WHILE)).resolves.toEqual({ left: 1 });
  });

  test('tells the one who asked that a question cannot be read or is not valid, and keeps it as a dead letter', async () => {
    const { app, publisher, notices } = await bootStock();
    const letters: unknown[] = [];
    notices.on('message:dead-lettered', ({ error }) => void letters.push(error));
    const OfAnotherVersion = defineEvent('stock.asked', {});
    const refused = await refusal(publisher.request(OfAnotherVersion, { sku: 7 }, FOR_A_WHILE));
    expect(isTransportError(refused, 'TRANSPORT_REQUEST_FAILED')).toBe(true);
    expect(refused.message).toMatch(/"stock\.asked" failed with TransportError: .*sku/s);
    const sent = await refusal(firstValueFrom(app.get(TransportClient).send('stock.asked', { sku: 7 })));
    expect(String(sent)).toMatch(/sku/);
    const InMessagePack = defineEvent('stock.asked', { codec: msgpack() });
    const unread = await refusal(publisher.request(InMessagePack, { sku: 'a' }, FOR_A_WHILE));
    expect(unread.message).toMatch(/content type|content-type|msgpack/i);
    expect(letters).toHaveLength(3);
  });

  test('carries every value of an Observable to client.send', async () => {
    const { app } = await bootStock();
    const values = app.get(TransportClient).send<number>('stock.list', {}).pipe(toArray());
    await expect(firstValueFrom(values)).resolves.toEqual([1, 2, 3]);
  });

  test('carries every value before the error of an Observable, then the error', async () => {
    const { app } = await bootStock();
    const values = app.get(TransportClient).send<unknown>('stock.partial', {});
    const seen = values.pipe(
      catchError((error: Error) => of((error.cause as Error).message)),
      toArray(),
    );
    await expect(firstValueFrom(seen)).resolves.toEqual([1, 2, 3, 4, 5, 'no more']);
  });
});

describe.each([
  ['of its own', memory],
  ['over topics', overTopics],
])('a requester that has gone, on a broker that answers %s,', (_, broker) => {
  const bootEndless = (times: Pick<TransportModuleOptions, 'drainTimeoutMs' | 'responseStreamTimeoutMs'> = {}) =>
    boot({ controllers: [Endless] }, { transport: { broker: broker(), subscriptions: TWO_AT_ONCE, ...times } });

  test.each(['endless.silent', 'endless.waiting'])('leaves its place in "%s" to the next request', async (topic) => {
    const { publisher, notices } = await bootEndless();
    const failures: string[] = [];
    for (const name of ['message:retry-scheduled', 'message:dead-lettered'] as const) {
      notices.on(name, () => failures.push(name));
    }
    const gone = Array.from({ length: 4 }, () => refusal(publisher.request(topic, {}, { timeoutMs: 60 })));
    for (const error of await Promise.all(gone))
      expect(isTransportError(error, 'TRANSPORT_REQUEST_TIMEOUT')).toBe(true);
    await expect(publisher.request(topic, { quick: true }, FOR_A_WHILE)).resolves.toBe('done');
    await isStill();
    expect(failures).toEqual([]);
  });

  test('leaves its place when it has the first value of a stream that never ends', async () => {
    const { publisher } = await bootEndless();
    for (let n = 0; n < 6; n++) await expect(publisher.request('endless.ticks', {}, FOR_A_WHILE)).resolves.toBe(0);
    await isStill();
  });

  test('is not waited for by a close', async () => {
    const { app, publisher } = await bootEndless({ drainTimeoutMs: 20_000 });
    const gone = Array.from({ length: 2 }, () => refusal(publisher.request('endless.silent', {}, { timeoutMs: 60 })));
    await Promise.all(gone);
    const startedAt = performance.now();
    await app.close();
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(Endless.running).toBe(0);
  });

  test('that says not how long it waits, holds its place for responseStreamTimeoutMs at most, and is told so', async () => {
    const { app } = await bootEndless({ responseStreamTimeoutMs: 100 });
    const client = app.get(TransportClient);
    const all = Array.from({ length: 3 }, () => refusal(lastValueFrom(client.send('endless.ticks', {}))));
    for (const error of await Promise.all(all)) expect(String(error)).toMatch(/100 ms \(responseStreamTimeoutMs\)/);
    await isStill();
  });
});

test('an Observable of client.send that is unsubscribed from ends the stream of its handler where the broker can know', async () => {
  const { app } = await boot({ controllers: [Endless] }, { transport: { subscriptions: TWO_AT_ONCE } });
  Endless.aborted.length = 0;
  const client = app.get(TransportClient);
  for (let n = 0; n < 6; n++) await expect(firstValueFrom(client.send('endless.ticks', {}))).resolves.toBe(0);
  await isStill();
  expect(Endless.aborted).toHaveLength(6);
  expect(Endless.aborted[0]).toMatchObject({ code: 'TRANSPORT_REQUEST_TIMEOUT' });
});

/** A broker that is never reached, and whose connection waits for it. */
function unreachable(): Broker {
  const broker = overTopics();
  const never = (): Promise<never> => new Promise(() => undefined);
  const connect = (abort: AbortSignal): Promise<never> =>
    new Promise((_, reject) => abort.addEventListener('abort', () => reject(new Error('closed'))));
  return { ...broker, open: (host) => ({ ...broker.open(host), connect, ensureTopics: never }) };
}

test.each([
  ['after a while', 20],
  ['right after the start', 0],
])('a close while the broker is unreachable, %s, rejects requests and ends at once', async (_, pauseMs) => {
  const app = await create('hybrid', rootModule({}, { broker: unreachable(), consume: false }));
  // The close ends the wait for the broker, and with it the start.
  start(app).catch(() => undefined);
  await setTimeout(pauseMs);
  const sent = refusal(firstValueFrom(app.get(TransportClient).send('stock.list', {})));
  const asked = refusal(app.get(Publisher).request('stock.list', {}, FOR_A_WHILE));
  const startedAt = performance.now();
  await app.close();
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  expect(await sent).toMatchObject({ code: 'TRANSPORT_CLOSED' });
  expect(['TRANSPORT_CLOSED', 'TRANSPORT_NOT_STARTED']).toContain(((await asked) as { code?: string }).code);
});

test('a question and an answer are checked against their schemas', async () => {
  const { publisher } = await boot({ controllers: [Stock] });
  const question = await refusal(publisher.request(StockAsked, { sku: 7 as never }, FOR_A_WHILE));
  expect(isTransportError(question, 'TRANSPORT_PAYLOAD_INVALID')).toBe(true);
  const Odd = defineEvent('stock.odd', { answer: z.object({ left: z.number() }) });
  const answer = await refusal(publisher.request(Odd, {}, FOR_A_WHILE));
  expect(isTransportError(answer, 'TRANSPORT_PAYLOAD_INVALID')).toBe(true);
});

test('a message that nobody waits for is handled by @Respond as an event', async () => {
  const { publisher, notices } = await boot({ controllers: [Stock] });
  const settled = new Promise((resolve) => notices.on('message:acked', resolve));
  await publisher.publish(StockAsked, { sku: 'a' });
  await settled;
});

test('a request for later is refused: somebody waits', async () => {
  const { publisher } = await boot({ controllers: [Stock] });
  for (const later of [{ deliverAfterMs: 1_000 }, { deliverAt: new Date() }]) {
    const refused = await refusal(publisher.request(StockAsked, { sku: 'a' }, { ...FOR_A_WHILE, ...later } as never));
    expect(refused).toMatchObject({ code: 'TRANSPORT_OPTION_UNKNOWN' });
  }
});

test('a request without a timeout is refused, as is one to a broker that cannot answer', async () => {
  const { publisher } = await boot({});
  const endless = await refusal(publisher.request('x', {}, {} as never));
  expect(endless.message).toContain('timeoutMs');
  const deaf = memory();
  const oneWay: Broker = {
    driver: 'oneway',
    capabilities: { ...deaf.capabilities, requestReply: 'unsupported' },
    checkSubscription: (subscription) => deaf.checkSubscription(subscription),
    open: (host) => deaf.open(host),
  };
  const other = await boot({}, { transport: { broker: oneWay } });
  const refused = await refusal(other.publisher.request('x', {}, FOR_A_WHILE));
  expect(isTransportError(refused, 'TRANSPORT_CAPABILITY_UNSUPPORTED')).toBe(true);
});
