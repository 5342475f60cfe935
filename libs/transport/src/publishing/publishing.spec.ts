import { AsyncLocalStorage } from 'node:async_hooks';
import {
  DEAD_LETTER_HEADERS,
  Notices,
  RETRY_HEADERS,
  TransportError,
  WIRE_HEADERS,
  defineEvent,
  isTransportError,
  type Broker,
  type BrokerConnection,
  type OutgoingMessage,
  type PublishReceipt,
  type SendResult,
  type SendWindow,
  type StandardSchema,
} from '../contract/index.js';
import { ManualClock } from '../testing/manual-clock.js';
import { createPublisher, messageIds, type Publisher, type PublishingOptions } from './index.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const stored = ({ id, topic }: OutgoingMessage): PublishReceipt => ({ id, topic, partition: 0, offset: '0' });

/** A driver whose requests wait until a test answers them. */
class FakeProducer {
  maxBytes = 1_000;
  maxRequestBytes = 10_000;
  readonly requests: (readonly OutgoingMessage[])[] = [];
  answer: ((results?: readonly SendResult[]) => Promise<void>) | undefined;
  checked: (message: OutgoingMessage) => void = () => undefined;
  /** Answers by rule instead of by hand. */
  rule: ((messages: readonly OutgoingMessage[]) => readonly SendResult[]) | undefined;

  check(message: OutgoingMessage): void {
    this.checked(message);
  }

  /** The window of the newest request. */
  window: SendWindow | undefined;

  send(messages: readonly OutgoingMessage[], window?: SendWindow): Promise<readonly SendResult[]> {
    this.requests.push(messages);
    this.window = window;
    if (this.rule !== undefined) return Promise.resolve(this.rule(messages));
    return new Promise((resolve) => {
      this.answer = async (results = messages.map(stored)) => {
        resolve(results);
        await turn();
      };
    });
  }

  /** Payloads by request. */
  get sent(): unknown[][] {
    return this.requests.map((request) => request.map(({ body }) => JSON.parse(String(body)) as unknown));
  }
}

function setUp(options: PublishingOptions = {}, capabilities: Record<string, string> = { partitions: 'native' }) {
  const producer = new FakeProducer();
  const clock = new ManualClock();
  const notices = new Notices();
  const failures: unknown[] = [];
  notices.on('publish:failed', ({ topic, messages, error }) => failures.push([topic, messages, error.code]));
  const broker = { driver: 'fake', capabilities } as unknown as Broker;
  const host = { service: 'test', broker: 'default', notices, clock };
  const open = () => createPublisher(broker, { producer } as unknown as BrokerConnection, host, options);
  const publisher = open();
  publisher.start();
  return { publisher, producer, clock, failures, open };
}

const outcome = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    return await promise;
  } catch (error) {
    return isTransportError(error) ? [error.code, error.stored] : error;
  }
};

describe('coalescing', () => {
  it('sends what is published in one turn in one request, and what follows meanwhile in the next', async () => {
    const { publisher, producer } = setUp();
    const first = [1, 2].map((n) => publisher.publish('a', n));
    await turn();
    const second = [3, 4].map((n) => publisher.publish('a', n));
    await turn();
    expect(producer.sent).toEqual([[1, 2]]);
    await producer.answer?.();
    expect(producer.sent).toEqual([
      [1, 2],
      [3, 4],
    ]);
    await producer.answer?.();
    await Promise.all([...first, ...second]);
  });

  it('never sends more than one request at a time, or more bytes than the driver takes', async () => {
    const { publisher, producer } = setUp();
    producer.maxRequestBytes = 250;
    const all = ['x'.repeat(60), 'y'.repeat(60), 'z'.repeat(60)].map((text) => publisher.publish('a', text));
    await turn();
    expect(producer.requests.map(({ length }) => length)).toEqual([1]);
    await producer.answer?.();
    await producer.answer?.();
    await producer.answer?.();
    await Promise.all(all);
    expect(producer.requests.map(({ length }) => length)).toEqual([1, 1, 1]);
  });

  it('resolves with the position of the message, not before the broker confirmed it', async () => {
    const { publisher, producer } = setUp();
    let resolved = false;
    const receipt = publisher.publish('a', 1, { id: 'id-1' });
    void receipt.then(() => (resolved = true));
    await turn();
    expect(resolved).toBe(false);
    await producer.answer?.([{ id: 'id-1', topic: 'a', partition: 3, offset: '17' }]);
    expect(await receipt).toEqual({ id: 'id-1', topic: 'a', partition: 3, offset: '17' });
  });
});

describe('a driver that confirms message by message', () => {
  const at = (id: string): PublishReceipt => ({ id, topic: 'a', partition: undefined, offset: undefined });
  const publishIds = (publisher: Publisher, ...ids: string[]): Promise<unknown>[] =>
    ids.map((id) => outcome(publisher.publish('a', id, { id })));

  it('adds what was published meanwhile to the request under way, in order, and each gets its own result', async () => {
    const { publisher, producer } = setUp();
    const first = publishIds(publisher, '1');
    await turn();
    const others = publishIds(publisher, '2', '3', '4');
    expect(producer.window?.next(2).map(({ id }) => id)).toEqual(['2', '3']);
    expect(producer.window?.next(2).map(({ id }) => id)).toEqual(['4']);
    expect(producer.window?.next(2)).toEqual([]);
    const lost = new TransportError('TRANSPORT_PUBLISH_UNKNOWN', 'lost.', { stored: 'unknown' });
    await producer.answer?.([at('1'), at('2'), lost, at('4')]);
    expect(await Promise.all([...first, ...others])).toEqual([
      at('1'),
      at('2'),
      ['TRANSPORT_PUBLISH_UNKNOWN', 'unknown'],
      at('4'),
    ]);
    expect(producer.requests).toHaveLength(1);
  });

  it('lets in a waiting publish as soon as another message is stored', async () => {
    const { publisher, producer } = setUp({ maxOutstanding: 1 });
    const all = publishIds(publisher, '1', '2');
    await turn();
    expect(producer.window?.next(9)).toEqual([]);
    producer.window?.stored(0, at('1'));
    expect(producer.window?.next(9).map(({ id }) => id)).toEqual(['2']);
    await producer.answer?.([at('1'), at('2')]);
    expect(await Promise.all(all)).toEqual([at('1'), at('2')]);
  });

  it('puts no more into one request than its maximum', async () => {
    const { publisher, producer } = setUp();
    producer.maxRequestBytes = 450;
    const all = [publisher.publish('a', 'x'.repeat(60))];
    await turn();
    all.push(...['y', 'z'].map((letter) => publisher.publish('a', letter.repeat(60))));
    producer.window?.stored(0, at('1'));
    expect(producer.window?.next(9)).toHaveLength(1);
    expect(producer.window?.next(9)).toEqual([]);
    producer.rule = (messages) => messages.map(stored);
    await producer.answer?.([at('1'), at('2')]);
    await Promise.all(all);
    expect(producer.sent.map(({ length }) => length)).toEqual([1, 1]);
  });

  it('receives more than the maximum while a part of the request is late, until a flush', async () => {
    const { publisher, producer } = setUp({ maxOutstanding: 100 });
    producer.maxRequestBytes = 450;
    const all = publishIds(publisher, '0');
    await turn();
    for (let n = 1; n <= 20; n++) {
      all.push(...publishIds(publisher, `${n}`));
      expect(producer.window?.next(9, true).map(({ id }) => id)).toEqual([`${n}`]);
      if (n > 1) producer.window?.stored(n, at(`${n}`));
    }
    expect(await Promise.all(all.slice(2))).toHaveLength(19);
    const flushed = publisher.flush();
    all.push(...publishIds(publisher, '21'));
    expect(producer.window?.next(9, true)).toEqual([]);
    producer.rule = (messages) => messages.map(stored);
    const lost = new TransportError('TRANSPORT_PUBLISH_UNKNOWN', 'lost.', { stored: 'unknown' });
    await producer.answer?.(Array.from({ length: 21 }, (_, n) => (n === 1 ? lost : at(`${n}`))));
    await flushed;
    expect((await Promise.all(all)).filter(Array.isArray)).toEqual([['TRANSPORT_PUBLISH_UNKNOWN', 'unknown']]);
    expect(producer.sent.map(({ length }) => length)).toEqual([1, 1]);
  });

  it('has messages from its window sent again in order when they were rejected for now', async () => {
    const { publisher, producer, clock } = setUp();
    const busy = new TransportError('TRANSPORT_PUBLISH_FAILED', 'electing.', { stored: 'no', retryable: true });
    const all = publishIds(publisher, '1', '2');
    await turn();
    all.push(...publishIds(publisher, '3'));
    producer.window?.next(9);
    await producer.answer?.([at('1'), busy, busy]);
    producer.rule = (messages) => messages.map(({ id }) => at(id));
    clock.advance(50);
    expect(await Promise.all(all)).toEqual([at('1'), at('2'), at('3')]);
    expect(producer.sent).toEqual([
      ['1', '2'],
      ['2', '3'],
    ]);
  });

  it('that returns no result for messages from its window leaves them unknown', async () => {
    const { publisher, producer } = setUp();
    const all = publishIds(publisher, '1');
    await turn();
    all.push(...publishIds(publisher, '2'));
    producer.window?.next(9);
    await producer.answer?.([at('1')]);
    expect(await Promise.all(all)).toEqual([at('1'), ['TRANSPORT_PUBLISH_UNKNOWN', 'unknown']]);
  });

  it('receives nothing more for a request that it has answered', async () => {
    const { publisher, producer } = setUp();
    const all = publishIds(publisher, '1');
    await turn();
    const ended = producer.window;
    await producer.answer?.([at('1')]);
    producer.rule = (messages) => messages.map(({ id }) => at(id));
    all.push(...publishIds(publisher, '2'));
    expect(ended?.next(9)).toEqual([]);
    expect(await Promise.all(all)).toEqual([at('1'), at('2')]);
  });

  it('receives nothing after the publisher was abandoned', async () => {
    const { publisher, producer, clock } = setUp();
    const all = publishIds(publisher, '1');
    await turn();
    all.push(...publishIds(publisher, '2'));
    const closed = publisher.close(10);
    clock.advance(10);
    await turn();
    expect(producer.window?.next(9)).toEqual([]);
    await producer.answer?.([at('1')]);
    expect(await Promise.all(all)).toEqual([at('1'), ['TRANSPORT_CLOSED', 'no']]);
    await closed;
  });

  it('lets the publisher of a stored message continue before the other messages are stored', async () => {
    const { publisher, producer } = setUp();
    const [first, second] = ['id-1', 'id-2'].map((id) => publisher.publish('a', 1, { id }));
    await turn();
    producer.window?.stored(1, { id: 'id-2', topic: 'a', partition: undefined, offset: '7' });
    expect(await second).toEqual({ id: 'id-2', topic: 'a', partition: undefined, offset: '7' });
    expect(producer.requests).toHaveLength(1);
    await producer.answer?.();
    await first;
  });

  it('is trusted: a later failure of the request does not affect stored messages, which are not sent again', async () => {
    const { publisher, producer, failures } = setUp();
    const away = new TransportError('TRANSPORT_BROKER_UNREACHABLE', 'away.', { stored: 'unknown', topic: 'a' });
    const [first, second] = ['id-1', 'id-2'].map((id) => outcome(publisher.publish('a', 1, { id })));
    await turn();
    producer.window?.stored(0, { id: 'id-1', topic: 'a', partition: undefined, offset: undefined });
    await producer.answer?.([{ id: 'id-1', topic: 'a', partition: undefined, offset: undefined }, away]);
    expect(await first).toMatchObject({ id: 'id-1' });
    expect(await second).toEqual(['TRANSPORT_BROKER_UNREACHABLE', 'unknown']);
    expect(failures).toEqual([['a', 1, 'TRANSPORT_BROKER_UNREACHABLE']]);
    expect(producer.requests).toHaveLength(1);
  });
});

describe('one invalid message', () => {
  it('fails alone: the driver’s answer is per message', async () => {
    const { publisher, producer, failures } = setUp();
    producer.rule = (messages) =>
      messages.map((message) =>
        String(message.body) === '2'
          ? new TransportError('TRANSPORT_PUBLISH_FAILED', 'no.', { stored: 'no', topic: 'a' })
          : stored(message),
      );
    const results = await publisher.publishMany(
      'a',
      [1, 2, 3].map((payload) => ({ payload })),
    );
    expect(results.map(({ status }) => status)).toEqual(['stored', 'failed', 'stored']);
    expect(failures).toEqual([['a', 1, 'TRANSPORT_PUBLISH_FAILED']]);
  });

  it('with an unknown option is rejected before it is sent, with the nearest known name', async () => {
    const { publisher, producer } = setUp();
    const misspelt = publisher.publish('t', 1, { deliverAfterMS: 500 } as never);
    await expect(misspelt).rejects.toMatchObject({
      code: 'TRANSPORT_OPTION_UNKNOWN',
      message: expect.stringContaining('publish("t") has no option "deliverAfterMS". Did you mean "deliverAfterMs"?'),
    });
    const [result] = await publisher.publishMany('t', [{ payload: 1, kee: 'a' } as never]);
    expect(result).toMatchObject({ status: 'failed', error: { code: 'TRANSPORT_OPTION_UNKNOWN' } });
    expect(producer.requests).toEqual([]);
  });

  it('that makes the broker reject its complete request is found, and the others are sent again in order', async () => {
    const { publisher, producer } = setUp();
    const refused = new TransportError('TRANSPORT_BATCH_REJECTED', 'one of them.', { stored: 'no' });
    const tooLarge = new TransportError('TRANSPORT_MESSAGE_TOO_LARGE', 'too large.', { stored: 'no' });
    const accepted: string[] = [];
    producer.rule = (messages) => {
      const bad = messages.some(({ body }) => String(body) === '5');
      if (bad) return messages.map(() => (messages.length === 1 ? tooLarge : refused));
      accepted.push(...messages.map(({ body }) => String(body)));
      return messages.map(stored);
    };
    const results = await publisher.publishMany(
      'a',
      [1, 2, 3, 4, 5, 6, 7].map((payload) => ({ payload })),
    );
    expect(results.map((result) => (result.status === 'failed' ? result.error.code : 'ok'))).toEqual([
      'ok',
      'ok',
      'ok',
      'ok',
      'TRANSPORT_MESSAGE_TOO_LARGE',
      'ok',
      'ok',
    ]);
    expect(accepted).toEqual(['1', '2', '3', '4', '6', '7']);
  });

  it.each<[string, unknown, object, string]>([
    ['with no JSON form', 1n, {}, 'TRANSPORT_PAYLOAD_UNENCODABLE'],
    ['with an empty key', 1, { key: '' }, 'TRANSPORT_KEY_INVALID'],
    ['with a key that is a number', 1, { key: 7 }, 'TRANSPORT_KEY_INVALID'],
    ['with a line break in a header', 1, { headers: { tenant: 'a\r\nb' } }, 'TRANSPORT_HEADER_INVALID'],
    ['with a header that is no text', 1, { headers: { tenant: 1 } }, 'TRANSPORT_HEADER_INVALID'],
    ['with headers in a Map', 1, { headers: new Map([['tenant', 'a']]) }, 'TRANSPORT_HEADER_INVALID'],
    ['with headers of a web request', 1, { headers: new Headers({ tenant: 'a' }) }, 'TRANSPORT_HEADER_INVALID'],
    ['with a header name of two words', 1, { headers: { 'my tenant': 'a' } }, 'TRANSPORT_HEADER_INVALID'],
    [
      'with a header that would be the prototype',
      1,
      { headers: JSON.parse('{"__proto__":"x"}') },
      'TRANSPORT_HEADER_INVALID',
    ],
    ['with an id that is a number', 1, { id: 5 }, 'TRANSPORT_HEADER_INVALID'],
    ['with an empty id', 1, { id: '' }, 'TRANSPORT_HEADER_INVALID'],
    ['with a line break in its id', 1, { id: 'a\nb' }, 'TRANSPORT_HEADER_INVALID'],
    ['that is too large', 'x'.repeat(1_000), {}, 'TRANSPORT_MESSAGE_TOO_LARGE'],
  ])('%s is rejected before it is batched with others', async (_, payload, options, code) => {
    const { publisher, producer } = setUp();
    producer.rule = (messages) => messages.map(stored);
    const [bad, good] = [publisher.publish('a', payload, options as never), publisher.publish('a', 1)];
    expect(await outcome(bad)).toEqual([code, 'no']);
    await good;
    expect(producer.sent).toEqual([[1]]);
  });

  it('can pass on the headers of a received message: ours are replaced or dropped, the others stay', async () => {
    const { publisher, producer } = setUp();
    producer.rule = (messages) => messages.map(stored);
    const ours = [WIRE_HEADERS, DEAD_LETTER_HEADERS, RETRY_HEADERS].flatMap((names) => Object.values(names));
    const received = {
      ...Object.fromEntries(ours.map((name) => [name, 'of the received message'])),
      ...{ traceparent: '00-1-2-01', 'correlation-id': 'c-1', tenant: 'blue', 'Message-Type': 'old' },
    };
    const { id } = await publisher.publish(defineEvent('next', { topic: 'topic' }), 1, { headers: received });
    expect(producer.requests[0]?.[0]?.headers).toEqual({
      ...{ 'message-id': id, 'message-type': 'next' },
      ...{ traceparent: '00-1-2-01', 'correlation-id': 'c-1', tenant: 'blue' },
    });
    expect(id).not.toBe('of the received message');
  });

  it('is measured exactly where it is near the limit', async () => {
    const { publisher, producer } = setUp();
    producer.rule = (messages) => messages.map(stored);
    const overhead = 'message-id'.length + 36 + 8;
    const largest = 'x'.repeat(1_000 - 2 - overhead);
    await publisher.publish('a', largest);
    expect(await outcome(publisher.publish('a', `${largest}x`))).toEqual(['TRANSPORT_MESSAGE_TOO_LARGE', 'no']);
  });

  it('that the driver rejects is rejected before it is sent', async () => {
    const { publisher, producer } = setUp();
    producer.checked = () => {
      throw new TransportError('TRANSPORT_TOPIC_INVALID', 'no.', { stored: 'no' });
    };
    expect(await outcome(publisher.publish('a b', 1))).toEqual(['TRANSPORT_TOPIC_INVALID', 'no']);
    expect(producer.requests).toEqual([]);
  });

  it('with a partition is rejected where the broker has none', async () => {
    const { publisher } = setUp({}, { partitions: 'unsupported' });
    expect(((await outcome(publisher.publish('a', 1, { partition: 1 }))) as string[])[0]).toBe(
      'TRANSPORT_CAPABILITY_UNSUPPORTED',
    );
  });
});

describe('events', () => {
  const schema = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value: unknown) =>
        typeof value === 'object' ? { value: 'transformed' } : { issues: [{ message: 'expected object' }] },
    },
  } as StandardSchema<{ orderId: string }, string>;
  const OrderCreated = defineEvent('order.created', { topic: 'orders', schema, key: (order) => order.orderId });

  it('are sent as they were given, with their key, id and type', async () => {
    const { publisher, producer } = setUp();
    producer.rule = (messages) => messages.map(stored);
    await publisher.publish(OrderCreated, { orderId: 'o-1' }, { headers: { Tenant: 'blue' }, id: 'id-1' });
    expect(producer.requests[0]?.[0]).toEqual({
      topic: 'orders',
      key: 'o-1',
      id: 'id-1',
      partition: undefined,
      body: Buffer.from('{"orderId":"o-1"}'),
      headers: { 'message-id': 'id-1', 'message-type': 'order.created', tenant: 'blue' },
    });
  });

  it('that do not match their schema are rejected', async () => {
    const { publisher } = setUp();
    expect(((await outcome(publisher.publish(OrderCreated, 7 as never))) as string[])[0]).toBe(
      'TRANSPORT_PAYLOAD_INVALID',
    );
  });

  it('whose key function or schema throws are rejected as ours, and nothing is sent', async () => {
    const { publisher, producer } = setUp();
    const boom = () => {
      throw new TypeError('boom');
    };
    const badKey = defineEvent<number>('x', { key: boom });
    const badSchema = defineEvent('x', { schema: { '~standard': { version: 1, vendor: 't', validate: boom } } });
    const rejecting = {
      '~standard': { version: 1, vendor: 't', validate: () => Promise.reject(new Error('later')) },
    } as const;
    expect(await outcome(publisher.publish(badKey, 1))).toEqual(['TRANSPORT_KEY_INVALID', 'no']);
    expect(await outcome(publisher.publish(badSchema, 1))).toEqual(['TRANSPORT_PUBLISH_FAILED', 'no']);
    expect(await outcome(publisher.publish(defineEvent('x', { schema: rejecting }), 1))).toEqual([
      'TRANSPORT_PUBLISH_FAILED',
      'no',
    ]);
    expect(producer.requests).toEqual([]);
  });

  describe('with a Date in the payload', () => {
    const takes = (isIt: (at: unknown) => boolean): StandardSchema<{ at: Date }, unknown> => ({
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) =>
          isIt((value as { at: unknown }).at) ? { value } : { issues: [{ path: ['at'], message: 'expected date' }] },
      },
    });
    const onlyDates = takes((at) => at instanceof Date);
    const payload = { at: new Date(0) };

    it('are rejected where their schema does not accept the text that JSON writes', async () => {
      const { publisher, producer } = setUp();
      producer.rule = (messages) => messages.map(stored);
      const refused = publisher.publish(defineEvent('x', { schema: onlyDates }), payload);
      expect(await outcome(refused)).toEqual(['TRANSPORT_PAYLOAD_UNENCODABLE', 'no']);
      await expect(refused).rejects.toThrow(/Date.*event "x".*at: expected date.*z\.coerce\.date\(\)/);
      expect(producer.requests).toEqual([]);
    });

    it('are rejected the same way where their schema is asynchronous', async () => {
      const { publisher } = setUp();
      const validate: (typeof onlyDates)['~standard']['validate'] = (value) =>
        Promise.resolve(onlyDates['~standard'].validate(value));
      const schema = { '~standard': { ...onlyDates['~standard'], validate } };
      const refused = publisher.publish(defineEvent('x', { schema }), payload);
      expect(await outcome(refused)).toEqual(['TRANSPORT_PAYLOAD_UNENCODABLE', 'no']);
    });

    it('are published where the schema accepts the text, where there is none, and by a codec that has dates', async () => {
      const { publisher, producer } = setUp();
      producer.rule = (messages) => messages.map(stored);
      const coercing = takes((at) => !Number.isNaN(Date.parse(String(at))));
      const dated = { contentType: 'application/dated', encode: () => Buffer.from('"Z"'), decode: () => payload };
      await publisher.publish(defineEvent('x', { schema: coercing }), payload);
      await publisher.publish(defineEvent<typeof payload>('x'), payload);
      await publisher.publish(defineEvent('x', { schema: onlyDates, codec: dated }), payload);
      expect(producer.sent).toEqual([
        [{ at: '1970-01-01T00:00:00.000Z' }],
        [{ at: '1970-01-01T00:00:00.000Z' }],
        ['Z'],
      ]);
    });
  });

  it('whose key function returns no key are rejected, because they would lose their order', async () => {
    const { publisher, producer } = setUp();
    producer.rule = (messages) => messages.map(stored);
    const none = defineEvent<{ id?: string }>('x', { key: ({ id }) => id });
    const refused = publisher.publish(none, {});
    expect(await outcome(refused)).toEqual(['TRANSPORT_KEY_INVALID', 'no']);
    await expect(refused).rejects.toThrow(/key function of event "x" returned undefined.*optionalKey: true/);
    const empty = defineEvent<object>('x', { key: () => null as never });
    expect(await outcome(publisher.publish(empty, {}))).toEqual(['TRANSPORT_KEY_INVALID', 'no']);
    expect(producer.requests).toEqual([]);
  });

  it('with an optional key are published without one, and the key of a publish is enough', async () => {
    const { publisher, producer } = setUp();
    producer.rule = (messages) => messages.map(stored);
    const key = ({ id }: { id?: string }) => id;
    await publisher.publish(defineEvent('x', { key, optionalKey: true }), {});
    await publisher.publish(defineEvent('x', { key }), {}, { key: 'given' });
    expect(producer.requests.map(([message]) => message?.key)).toEqual([undefined, 'given']);
  });

  it('are not validated if validation is off', async () => {
    const { publisher, producer } = setUp({ validate: false });
    producer.rule = (messages) => messages.map(stored);
    await publisher.publish(defineEvent('x', { schema }), 7 as never);
  });
});

describe('a confirmation that does not arrive', () => {
  it('is unknown for what was sent, and "not stored" for what still waited', async () => {
    const { publisher, producer, clock } = setUp({ publishTimeoutMs: 1_000 });
    const sent = outcome(publisher.publish('a', 1));
    await turn();
    clock.advance(500);
    const waiting = outcome(publisher.publish('a', 2));
    await turn();
    clock.advance(500);
    expect(await sent).toEqual(['TRANSPORT_PUBLISH_TIMEOUT', 'unknown']);
    clock.advance(500);
    expect(await waiting).toEqual(['TRANSPORT_PUBLISH_TIMEOUT', 'no']);
    await producer.answer?.();
    expect(producer.sent).toEqual([[1]]);
    expect(clock.pending).toBe(0);
  });

  it('from a driver that throws, or returns too few results, is unknown', async () => {
    const { publisher, producer } = setUp();
    producer.rule = () => {
      throw new Error('bug');
    };
    expect(await outcome(publisher.publish('a', 1))).toEqual(['TRANSPORT_PUBLISH_UNKNOWN', 'unknown']);
    producer.rule = () => [];
    expect(await outcome(publisher.publish('a', 1))).toEqual(['TRANSPORT_PUBLISH_UNKNOWN', 'unknown']);
  });
});

describe('a topic that does not answer', () => {
  it('delays only itself: publishes to other topics are stored meanwhile', async () => {
    const { publisher, producer } = setUp();
    const stuck = publisher.publish('stuck', 1);
    await turn();
    producer.rule = (messages) => messages.map(stored);
    await publisher.publish('healthy', 2);
    await producer.answer?.();
    await stuck;
  });

  it('leaves no timer behind once its publishes have timed out, though the driver never answers', async () => {
    const { publisher, clock } = setUp({ publishTimeoutMs: 1_000 });
    const stuck = outcome(publisher.publish('stuck', 1));
    await turn();
    clock.advance(1_000);
    expect(await stuck).toEqual(['TRANSPORT_PUBLISH_TIMEOUT', 'unknown']);
    expect(clock.pending).toBe(0);
    const next = outcome(publisher.publish('stuck', 2));
    clock.advance(1_000);
    expect(await next).toEqual(['TRANSPORT_PUBLISH_TIMEOUT', 'no']);
    expect(clock.pending).toBe(0);
  });

  it('leaves the other topics a share of the room, also when it has filled all of it', async () => {
    const { publisher, producer, clock } = setUp({ maxOutstanding: 32, publishTimeoutMs: 1_000 });
    const stuck = Array.from({ length: 40 }, (_, n) => outcome(publisher.publish('stuck', n)));
    await turn();
    producer.rule = (messages) => messages.map(stored);
    await Promise.all([publisher.publish('healthy', 1), publisher.publish('healthy', 2)]);
    clock.advance(1_000);
    expect((await Promise.all(stuck)).slice(-8)).toEqual(Array(8).fill(['TRANSPORT_PUBLISH_TIMEOUT', 'no']));
  });

  it('does not block a flush of what was stored beyond its timeout', async () => {
    const { publisher, clock } = setUp();
    const stuck = outcome(publisher.publish('stuck', 1));
    await turn();
    const flushed = outcome(publisher.flush(100));
    clock.advance(100);
    expect(await flushed).toEqual(['TRANSPORT_PUBLISH_TIMEOUT', undefined]);
    clock.advance(9_900);
    expect(await stuck).toEqual(['TRANSPORT_PUBLISH_TIMEOUT', 'unknown']);
  });
});

describe('a schema or codec that never finishes', () => {
  const silent = {
    '~standard': { version: 1, vendor: 't', validate: () => new Promise<never>(() => undefined) },
  } as const;
  const Silent = defineEvent<unknown>('silent', { schema: silent as never });

  it('fails its own publish after publishTimeoutMs, and those behind it for that topic are sent', async () => {
    const { publisher, producer, clock } = setUp({ publishTimeoutMs: 1_000 });
    producer.rule = (messages) => messages.map(stored);
    const hung = outcome(publisher.publish(Silent, 1));
    clock.advance(400);
    const behind = publisher.publish('silent', 2);
    clock.advance(600);
    expect(await hung).toEqual(['TRANSPORT_PUBLISH_TIMEOUT', 'no']);
    await behind;
    expect(producer.sent).toEqual([[2]]);
    expect(clock.pending).toBe(0);
  });

  it('does not delay a publish to another topic', async () => {
    const { publisher, producer, clock } = setUp({ publishTimeoutMs: 1_000 });
    producer.rule = (messages) => messages.map(stored);
    const hung = outcome(publisher.publish(Silent, 1));
    await publisher.publish('other', 2);
    clock.advance(1_000);
    await hung;
  });

  it('does not delay a close past its deadline: the publish is rejected as closed', async () => {
    const { publisher, clock } = setUp();
    const hung = outcome(publisher.publish(Silent, 1));
    const behind = outcome(publisher.publish('silent', 2));
    const closed = publisher.close(50);
    clock.advance(50);
    await closed;
    expect(await Promise.all([hung, behind])).toEqual([
      ['TRANSPORT_CLOSED', 'no'],
      ['TRANSPORT_CLOSED', 'no'],
    ]);
    expect(clock.pending).toBe(0);
  });

  it('fails a request after its timeoutMs', async () => {
    const { publisher, clock } = setUp(undefined, { requestReply: 'native' });
    const asked = outcome(publisher.request(Silent as never, 1, { timeoutMs: 300 }));
    await turn();
    clock.advance(300);
    expect(await asked).toEqual(['TRANSPORT_PUBLISH_TIMEOUT', 'no']);
  });
});

describe('a request when the transport closes', () => {
  const never = (): Promise<never> => new Promise(() => undefined);
  const mailboxes = {
    'whose topic the broker does not confirm': { ensureTopics: never },
    'whose subscription does not open': { ensureTopics: () => Promise.resolve(), consume: never },
  };
  const own = {
    'that cannot be sent': { requester: { request: never } },
    'that nobody answers': { requester: { request: () => Promise.resolve(() => undefined) } },
  };

  function closing(parts: object) {
    const producer = new FakeProducer();
    producer.rule = (messages) => messages.map(stored);
    const clock = new ManualClock();
    const host = { service: 'test', broker: 'default', notices: new Notices(), clock };
    const broker = { driver: 'fake', capabilities: { requestReply: 'native' } } as unknown as Broker;
    const publisher = createPublisher(broker, { producer, ...parts } as unknown as BrokerConnection, host, {});
    publisher.start();
    return { publisher, producer, clock };
  }

  it.each(Object.entries({ ...mailboxes, ...own }))(
    '%s, is rejected immediately, and so is a later one',
    async (_, parts) => {
      const { publisher, clock } = closing(parts);
      const asked = outcome(publisher.request('a', 1, { timeoutMs: 3_000 }));
      await turn();
      await publisher.close(5_000);
      expect(await asked).toEqual(['TRANSPORT_CLOSED', 'unknown']);
      expect(await outcome(publisher.request('a', 1, { timeoutMs: 3_000 }))).toEqual(['TRANSPORT_CLOSED', 'no']);
      expect(clock.pending).toBe(0);
    },
  );

  it.each(Object.entries(mailboxes))('%s, fails at its timeoutMs', async (_, parts) => {
    const { publisher, clock } = closing(parts);
    const asked = outcome(publisher.request('a', 1, { timeoutMs: 300 }));
    await turn();
    clock.advance(300);
    expect(await asked).toEqual(['TRANSPORT_REQUEST_TIMEOUT', 'unknown']);
    await publisher.close(5_000);
    expect(clock.pending).toBe(0);
  });

  function slowMailbox(close: () => Promise<void>) {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const consume = () => opened.then(() => ({ close }));
    return { ...closing({ ensureTopics: () => Promise.resolve(), consume }), open };
  }

  it('closes a reply subscription that opens after the close, and sends nothing', async () => {
    let closed = 0;
    const { publisher, producer, open } = slowMailbox(() => Promise.resolve(void closed++));
    const asked = outcome(publisher.request('a', 1, { timeoutMs: 300 }));
    await turn();
    await publisher.close(5_000);
    await asked;
    open();
    await turn();
    expect(closed).toBe(1);
    expect(producer.requests).toEqual([]);
  });

  it('does not send a request that was given up while the reply subscription opened', async () => {
    const { publisher, producer, clock, open } = slowMailbox(() => Promise.resolve());
    const asked = outcome(publisher.request('a', 1, { timeoutMs: 300 }));
    await turn();
    clock.advance(300);
    await asked;
    open();
    await turn();
    expect(producer.requests).toEqual([]);
    await publisher.close(5_000);
  });

  it('does not delay the close past its deadline, although the reply subscription does not close', async () => {
    const { publisher, clock, open } = slowMailbox(never);
    open();
    const asked = outcome(publisher.request('a', 1, { timeoutMs: 10_000 }));
    await turn();
    const closed = publisher.close(5_000);
    expect(await asked).toEqual(['TRANSPORT_CLOSED', 'unknown']);
    await turn();
    clock.advance(5_000);
    await closed;
    expect(clock.pending).toBe(0);
  });
});

describe('a broker that is unreachable for a moment', () => {
  const away = new TransportError('TRANSPORT_BROKER_UNREACHABLE', 'nobody answered.', {
    stored: 'no',
    retryable: true,
  });

  it('receives the messages when it is back, in order, and nothing overtakes them', async () => {
    const { publisher, producer, clock } = setUp();
    producer.rule = (messages) => messages.map(() => away);
    const early = [1, 2].map((n) => publisher.publish('a', n));
    await turn();
    const late = publisher.publish('a', 3);
    await turn();
    clock.advance(50);
    await turn();
    producer.rule = (messages) => messages.map(stored);
    clock.advance(100);
    await turn();
    await Promise.all([...early, late]);
    expect(producer.sent).toEqual([
      [1, 2],
      [1, 2, 3],
      [1, 2, 3],
    ]);
    expect(clock.pending).toBe(0);
  });

  it('costs only those messages that it rejected', async () => {
    const { publisher, producer, clock } = setUp();
    let isAway = true;
    producer.rule = (messages) =>
      messages.map((message) => (isAway && String(message.body) === '2' ? away : stored(message)));
    const [first, second] = [1, 2].map((n) => publisher.publish('a', n));
    await first;
    isAway = false;
    await turn();
    clock.advance(50);
    await second;
    expect(producer.sent).toEqual([[1, 2], [2]]);
  });

  it('for longer than publishTimeoutMs is reported with its reason, as "not stored"', async () => {
    const { publisher, producer, clock } = setUp({ publishTimeoutMs: 1_000 });
    producer.rule = (messages) => messages.map(() => away);
    const error = publisher.publish('a', 1).catch((thrown: unknown) => thrown);
    await turn();
    for (let elapsed = 0; elapsed < 1_000; elapsed += 50) {
      clock.advance(50);
      await turn();
    }
    expect(await error).toMatchObject({ code: 'TRANSPORT_PUBLISH_TIMEOUT', stored: 'no', cause: away });
    expect(((await error) as Error).message).toContain('nobody answered');
    expect(clock.pending).toBe(0);
  });

  it('does not delay a close past its deadline', async () => {
    const { publisher, producer, clock } = setUp();
    producer.rule = (messages) => messages.map(() => away);
    const refused = outcome(publisher.publish('a', 1));
    await turn();
    const closed = publisher.close(20);
    clock.advance(20);
    await closed;
    expect(await refused).toEqual(['TRANSPORT_CLOSED', 'no']);
    await turn();
    expect(clock.pending).toBe(0);
  });
});

describe('order', () => {
  it('is kept while an asynchronous codec encodes one message, and close waits for it', async () => {
    const { publisher, producer } = setUp();
    producer.rule = (messages) => messages.map(stored);
    let written = (): void => undefined;
    const codec = {
      contentType: 'x/slow',
      encode: (payload: unknown) =>
        new Promise<Buffer>((resolve) => (written = () => resolve(Buffer.from(JSON.stringify(payload))))),
      decode: () => undefined,
    };
    const first = publisher.publish(defineEvent<unknown>('slow', { codec }), 1);
    const second = publisher.publish('slow', 2);
    const closed = publisher.close(1_000);
    await turn();
    expect(producer.sent).toEqual([]);
    written();
    await turn();
    await turn();
    expect(producer.sent.flat()).toEqual([1, 2]);
    expect(producer.requests.flat().map(({ headers }) => headers?.['content-type'])).toEqual(['x/slow', undefined]);
    await Promise.all([first, second, closed]);
  });

  it('is not affected by a codec that fails: nothing was sent, and the error says so', async () => {
    const { publisher, producer } = setUp();
    producer.rule = (messages) => messages.map(stored);
    const failing = (encode: () => never | Promise<never>) =>
      defineEvent<unknown>('bad', { codec: { contentType: 'x/bad', encode, decode: () => undefined } });
    const fail = (): never => {
      throw new Error('no');
    };
    const outcomes = [failing(fail), failing(async () => fail())].map((event) => outcome(publisher.publish(event, 1)));
    expect(await Promise.all(outcomes)).toEqual([
      ['TRANSPORT_PUBLISH_FAILED', 'no'],
      ['TRANSPORT_PUBLISH_FAILED', 'no'],
    ]);
    await publisher.publish('a', 2);
    expect(producer.sent.flat()).toEqual([2]);
  });

  it('is kept while an asynchronous schema validates one message, and close waits for it', async () => {
    const { publisher, producer } = setUp();
    producer.rule = (messages) => messages.map(stored);
    let accept: (result: { value: number }) => void = () => undefined;
    const slow = {
      '~standard': {
        version: 1,
        vendor: 't',
        validate: () => new Promise<{ value: number }>((resolve) => (accept = resolve)),
      },
    } as const;
    const first = publisher.publish(defineEvent<number>('a', { schema: slow }), 1);
    const others = [2, 3].map((n) => publisher.publish('a', n));
    const closed = publisher.close(1_000);
    await turn();
    expect(producer.sent).toEqual([]);
    accept({ value: 1 });
    await Promise.all([first, ...others, closed]);
    expect(producer.sent.flat()).toEqual([1, 2, 3]);
  });

  it('is kept when a split request is rejected half-way for now', async () => {
    const { publisher, producer, clock } = setUp();
    const refused = new TransportError('TRANSPORT_BATCH_REJECTED', 'one of them.', { stored: 'no' });
    const busy = new TransportError('TRANSPORT_PUBLISH_FAILED', 'electing.', { stored: 'no', retryable: true });
    const accepted: string[] = [];
    producer.rule = (messages) => {
      if (producer.requests.length === 1) return messages.map(() => refused);
      if (producer.requests.length === 2) return messages.map(() => busy);
      accepted.push(...messages.map(({ body }) => String(body)));
      return messages.map(stored);
    };
    const all = [1, 2, 3].map((n) => publisher.publish('a', n));
    await turn();
    clock.advance(50);
    await Promise.all(all);
    expect(accepted).toEqual(['1', '2', '3']);
  });
});

describe('a publisher faster than its broker', () => {
  it('waits for room, keeps the order, and continues when there is room', async () => {
    const { publisher, producer } = setUp({ maxOutstanding: 2 });
    const all = [1, 2, 3, 4, 5].map((n) => publisher.publish('a', n));
    await turn();
    expect(producer.sent).toEqual([[1, 2]]);
    await producer.answer?.();
    await producer.answer?.();
    await producer.answer?.();
    await Promise.all(all);
    expect(producer.sent).toEqual([[1, 2], [3, 4], [5]]);
  });

  it('is limited in bytes too', async () => {
    const { publisher, producer } = setUp({ maxOutstandingBytes: 200 });
    const all = [1, 2, 3].map((n) => publisher.publish('a', n));
    await turn();
    expect(producer.sent).toEqual([[1, 2]]);
    await producer.answer?.();
    await producer.answer?.();
    await Promise.all(all);
  });

  it('lets many wait without checking each of them again and again', async () => {
    const { publisher, producer } = setUp({ maxOutstanding: 100 });
    producer.rule = (messages) => messages.map(stored);
    await Promise.all(Array.from({ length: 100_000 }, (_, n) => publisher.publish('a', n)));
    expect(producer.sent.flat()).toHaveLength(100_000);
  });

  it('gets its timeouts in time, one per message, although the broker answers nothing', async () => {
    const { publisher, clock, failures } = setUp({ maxOutstanding: 2, publishTimeoutMs: 200 });
    const all = [1, 2, 3, 4].map((n) => outcome(publisher.publish('a', n)));
    await turn();
    for (let elapsed = 0; elapsed < 1_000; elapsed += 50) {
      clock.advance(50);
      await turn();
    }
    expect((await Promise.all(all)).map((failed) => (failed as string[])[1])).toEqual([
      'unknown',
      'unknown',
      'no',
      'no',
    ]);
    expect(failures).toEqual([['a', 2, 'TRANSPORT_PUBLISH_TIMEOUT']]);
  });

  it('gets "not stored" when its turn does not come in time', async () => {
    const { publisher, producer, clock } = setUp({ maxOutstanding: 1, publishTimeoutMs: 100 });
    const [first, second] = [1, 2].map((n) => outcome(publisher.publish('a', n)));
    await turn();
    clock.advance(100);
    expect(await first).toEqual(['TRANSPORT_PUBLISH_TIMEOUT', 'unknown']);
    await producer.answer?.();
    expect(await second).toEqual(['TRANSPORT_PUBLISH_TIMEOUT', 'no']);
    expect(producer.sent).toEqual([[1]]);
  });
});

describe('the lifecycle of a publisher', () => {
  it('rejects publishes before the start and after the close, by code', async () => {
    const { open } = setUp();
    const publisher = open();
    expect(await outcome(publisher.publish('a', 1))).toEqual(['TRANSPORT_NOT_STARTED', 'no']);
    publisher.start();
    await publisher.close(100);
    expect(await outcome(publisher.publish('a', 1))).toEqual(['TRANSPORT_CLOSED', 'no']);
    publisher.start();
    expect(await outcome(publisher.publish('a', 1))).toEqual(['TRANSPORT_CLOSED', 'no']);
  });

  it('flushes what was published before, including publishes that wait for room', async () => {
    const { publisher, producer, clock } = setUp({ maxOutstanding: 1 });
    producer.rule = (messages) => messages.map(stored);
    const all = [1, 2, 3].map((n) => publisher.publish('a', n));
    await publisher.flush();
    expect(producer.sent).toEqual([[1], [2], [3]]);
    await Promise.all(all);
    await publisher.flush();
    expect(clock.pending).toBe(0);
  });

  it('sends waiting publishes in their own asynchronous context, not in that of whoever made room', async () => {
    const { publisher, producer } = setUp({ maxOutstanding: 1 });
    const context = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    producer.rule = (messages) => messages.map(stored);
    producer.checked = () => seen.push(context.getStore());
    await Promise.all(
      ['first', 'second', 'third'].map((name) => context.run(name, () => publisher.publish('a', name))),
    );
    expect(seen).toEqual(['first', 'second', 'third']);
  });

  it('reports how much is open when a flush takes too long', async () => {
    const { publisher, clock } = setUp();
    const open = outcome(publisher.publish('a', 1));
    const flushed = outcome(publisher.flush(50));
    await turn();
    clock.advance(50);
    expect(((await flushed) as string[])[0]).toBe('TRANSPORT_PUBLISH_TIMEOUT');
    clock.advance(10_000);
    await open;
  });

  it('closes after its deadline and rejects what was not sent', async () => {
    const { publisher, producer, clock } = setUp({ maxOutstanding: 2, publishTimeoutMs: 60_000 });
    const sent = publisher.publish('a', 1);
    await turn();
    const [queued, outside] = [outcome(publisher.publish('a', 2)), outcome(publisher.publish('a', 3))];
    const closed = publisher.close(50);
    clock.advance(50);
    await closed;
    expect(await queued).toEqual(['TRANSPORT_CLOSED', 'no']);
    expect(await outside).toEqual(['TRANSPORT_CLOSED', 'no']);
    await producer.answer?.();
    await sent;
    expect(clock.pending).toBe(0);
    await publisher.close(50);
  });
});

describe('message ids', () => {
  it('are UUIDs of version 7 that sort by time', () => {
    let now = Date.UTC(2026, 10, 21);
    const next = messageIds(() => now);
    const early = Array.from({ length: 1_000 }, next);
    now += 1;
    const late = next();
    for (const id of early) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(early).size).toBe(1_000);
    expect(early.every((id) => id < late)).toBe(true);
    expect(parseInt(late.replaceAll('-', '').slice(0, 12), 16)).toBe(now);
  });
});
