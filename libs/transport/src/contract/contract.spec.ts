import {
  ACK,
  atPlace,
  defineEvent,
  Delivery,
  contextOf,
  deliveryOf,
  describeIssues,
  ERROR_CODES,
  isTransportError,
  messageOf,
  Notices,
  requireCapabilities,
  TransportError,
  validate,
  type Headers,
  type Settlement,
  type StandardSchema,
} from './index.js';

const thrownBy = (action: () => unknown): unknown => {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('errors', () => {
  it('end with their code and keep their cause', () => {
    const cause = new Error('ECONNREFUSED');
    const error = new TransportError('TRANSPORT_PUBLISH_FAILED', '[kafka] no.', {
      cause,
      stored: 'no',
      driver: 'kafka',
    });
    expect(error.message).toBe('[kafka] no. (TRANSPORT_PUBLISH_FAILED)');
    expect(error).toMatchObject({ cause, stored: 'no', driver: 'kafka', retryable: false, topic: undefined });
  });

  it('escape what is foreign in them', () => {
    const error = new TransportError('TRANSPORT_CLOSED', 'Message a\nb \u001b[31m');
    expect(error.message).toBe('Message a\\nb \\x1b[31m (TRANSPORT_CLOSED)');
  });

  it('are told apart by code, and others are not taken for ours', () => {
    const error = new TransportError('TRANSPORT_CLOSED', 'closed.');
    expect(isTransportError(error)).toBe(true);
    expect(isTransportError(error, 'TRANSPORT_CLOSED')).toBe(true);
    expect(isTransportError(error, 'TRANSPORT_NOT_STARTED')).toBe(false);
    expect(isTransportError(Object.assign(new Error('x'), { code: 'TRANSPORT_CLOSED' }))).toBe(false);
  });

  it('can be placed in the code of the reader, and stay what they are', () => {
    const error = new TransportError('TRANSPORT_TOPIC_INVALID', '[memory] no.', { driver: 'memory' });
    const placed = atPlace('OrdersController.take', error) as TransportError;
    expect(placed.message).toBe('OrdersController.take: [memory] no. (TRANSPORT_TOPIC_INVALID)');
    expect(placed).toMatchObject({ code: 'TRANSPORT_TOPIC_INVALID', driver: 'memory', cause: error });
    expect(atPlace('x', 'boom')).toBe('boom');
  });

  it('give a text for anything that can be thrown', () => {
    const odd = [Object.create(null), Object.assign(new Error('x'), { message: ['a', 'b'] }), undefined, Symbol('s')];
    expect(odd.map(messageOf)).toEqual(['something without a text (object)', 'a,b', 'undefined', 'Symbol(s)']);
  });

  it('have one sentence per code', () => {
    for (const [code, sentence] of Object.entries(ERROR_CODES)) {
      expect(code).toMatch(/^TRANSPORT_[A-Z_]+$/);
      expect(sentence).toMatch(/^[A-Z].*\.$/);
    }
  });
});

describe('schemas', () => {
  const schemaOf = (validateValue: StandardSchema['~standard']['validate']): StandardSchema => ({
    '~standard': { version: 1, vendor: 'test', validate: validateValue },
  });

  it('name the fields of a payload that does not fit', () => {
    const schema = schemaOf(() => ({
      issues: [{ message: 'expected text', path: ['items', 0, { key: 'sku' }] }, { message: 'too old' }],
    }));
    const error = thrownBy(() => validate(schema, {}, 'order.created')) as TransportError;
    expect(error.code).toBe('TRANSPORT_PAYLOAD_INVALID');
    expect(error.message).toContain('event "order.created": items[0].sku: expected text; too old.');
  });

  it('show five issues and count the others', () => {
    const issues = Array.from({ length: 7 }, (_, index) => ({ message: `m${index}` }));
    expect(describeIssues(issues)).toBe('m0; m1; m2; m3; m4; and 2 more');
  });

  it('give their output, and a promise only when they are asynchronous', async () => {
    expect(
      validate(
        schemaOf((value) => ({ value: [value] })),
        1,
        'x',
      ),
    ).toEqual([1]);
    const later = validate(
      schemaOf((value) => Promise.resolve({ value: [value] })),
      1,
      'x',
    );
    expect(later).toBeInstanceOf(Promise);
    expect(await later).toEqual([1]);
  });
});

describe('a schema of another realm or library', () => {
  const thenable = (result: unknown) => ({
    then: (done: (result: unknown) => void) => void setImmediate(done, result),
  });
  const schema = (result: unknown): StandardSchema =>
    ({ '~standard': { version: 1, vendor: 'x', validate: () => thenable(result) } }) as never;

  it('is awaited when it returns a thenable that is no Promise', async () => {
    expect(await validate(schema({ value: 7 }), 1, 'x')).toBe(7);
    await expect(validate(schema({ issues: [{ message: 'no' }] }), 1, 'x')).rejects.toThrow('event "x": no.');
  });

  it('refuses a payload as invalid though its issues cannot be read', () => {
    const issue = Object.defineProperty({ path: 7 }, 'message', {
      get: () => {
        throw new Error('lazy');
      },
    });
    expect(describeIssues([issue as never])).toBe('an issue without a message');
  });
});

describe('defineEvent', () => {
  it('lives on a topic of its own name unless told otherwise', () => {
    expect(defineEvent('order.created').topic).toBe('order.created');
    expect(defineEvent('order.created', { topic: 'orders' })).toMatchObject({ type: 'order.created', topic: 'orders' });
  });

  it.each([
    ['', {}, 'the type must be a text'],
    ['a', { topic: '' }, 'the topic must not be empty'],
    ['a', { schema: {} }, '~standard'],
    ['a', { key: 'orderId' }, 'the key must be a function'],
    ['a', { key: () => 'x', optionalKey: 'yes' }, 'optionalKey must be true or false'],
    ['a', { optionalKey: true }, 'optionalKey needs a key function'],
    ['a', { topics: 'b' }, 'there is no option "topics"'],
  ])('refuses %j %j', (type, options, text) => {
    const error = thrownBy(() => defineEvent(type, options as never)) as TransportError;
    expect(error.code).toBe('TRANSPORT_EVENT_INVALID');
    expect(error.message).toContain(text);
  });
});

describe('capabilities', () => {
  const broker = { driver: 'memory', capabilities: { durability: 'unsupported', groups: 'native' } as never };

  it('that are absent are refused by code, with a way out', () => {
    const error = thrownBy(() =>
      requireCapabilities(broker, ['groups', 'durability'], 'TransportModule', 'Use kafka().'),
    ) as TransportError;
    expect(error.code).toBe('TRANSPORT_CAPABILITY_UNSUPPORTED');
    expect(error.message).toContain('"durability" (a confirmed message survives');
    expect(error.message).toContain('Use kafka().');
  });

  it('that are absent are refused with the reason of the driver, where it gives one', () => {
    const unsupportedBecause = { durability: 'it lives in memory' };
    const refuse = () => requireCapabilities({ ...broker, unsupportedBecause }, ['durability'], 'x', 'Use kafka().');
    expect(refuse).toThrow('which the memory driver cannot promise: it lives in memory. Use kafka().');
  });

  it('that a driver does not name are unsupported', () => {
    expect(() => requireCapabilities(broker, ['wildcards'], 'x')).toThrow('asks for "wildcards"');
  });

  it('that are there are not', () => {
    expect(() => requireCapabilities(broker, ['groups'], 'x')).not.toThrow();
  });
});

describe('notices', () => {
  const connected = { broker: 'default' };

  it('reach those who listen until they stop', () => {
    const notices = new Notices();
    const seen: string[] = [];
    const stop = notices.on('broker:connected', ({ broker }) => seen.push(broker));
    expect(notices.heard('broker:connected')).toBe(true);
    notices.emit('broker:connected', connected);
    stop();
    notices.emit('broker:connected', connected);
    expect(seen).toEqual(['default']);
    expect(notices.heard('broker:connected')).toBe(false);
  });

  it('go on when a listener throws, and tell whoever was made to be told', () => {
    const faults: unknown[] = [];
    const notices = new Notices((error, name) => faults.push([name, (error as Error).message]));
    const seen: string[] = [];
    notices.on('broker:connected', () => {
      throw new Error('boom');
    });
    notices.on('broker:connected', ({ broker }) => seen.push(broker));
    notices.emit('broker:connected', connected);
    expect([faults, seen]).toEqual([[['broker:connected', 'boom']], ['default']]);
  });

  it('go on when a listener rejects, and report it like one that throws', async () => {
    const faults: unknown[] = [];
    const notices = new Notices((error, name) => faults.push([name, (error as Error).message]));
    // n.b. an asynchronous listener, which the type lets pass as one that returns nothing.
    const listener = (): unknown => Promise.reject(new Error('later'));
    notices.on('broker:connected', listener as () => void);
    notices.emit('broker:connected', connected);
    await new Promise(setImmediate);
    expect(faults).toEqual([['broker:connected', 'later']]);
  });

  it('go on when whoever is to be told of a failed listener fails as well', () => {
    const notices = new Notices(() => {
      throw new Error('the logger is broken');
    });
    notices.on('broker:connected', () => {
      throw new Error('boom');
    });
    expect(() => notices.emit('broker:connected', connected)).not.toThrow();
  });

  it('stop twice without taking a later listener along', () => {
    const notices = new Notices();
    const stop = notices.on('broker:connected', () => undefined);
    stop();
    notices.on('broker:connected', () => undefined);
    stop();
    expect(notices.heard('broker:connected')).toBe(true);
  });
});

class TestDelivery extends Delivery {
  readonly settlements: Settlement[] = [];
  readonly headers: Headers = { 'message-type': 'order.paid' };
  readonly publishedAt = undefined;
  readonly raw = undefined;
  readonly offset = '7';

  header(name: string): string | undefined {
    return this.headers[name];
  }

  protected settled(settlement: Settlement): void {
    this.settlements.push(settlement);
  }
}

describe('a delivery', () => {
  const deliver = (): TestDelivery => new TestDelivery('orders', 'inventory', 'o-1', null, 1, 3);

  it('settles once; what comes late or twice does nothing and says so', () => {
    const delivery = deliver();
    expect(delivery.settle(ACK)).toBe(true);
    expect(delivery.settle({ kind: 'nack', delayMs: 0 })).toBe(false);
    expect(delivery.settlements).toEqual([ACK]);
  });

  it('that was revoked is nobody else’s to settle', () => {
    const delivery = deliver();
    delivery.revoke();
    expect(delivery.settle(ACK)).toBe(false);
    expect(delivery.settlements).toEqual([]);
  });

  it('that was settled cannot be revoked', () => {
    const delivery = deliver();
    delivery.settle(ACK);
    delivery.revoke();
    expect(delivery.state).toBe('settled');
  });

  describe('as its handler sees it', () => {
    it('has the fields of a context and nothing that settles, moves or changes the message', () => {
      const delivery = deliver();
      const context = contextOf(delivery);
      const { topic, group, key, attempt, partition, offset, type, id, rawKey, publishedAt, raw } = delivery;
      expect(context).toMatchObject({
        topic,
        group,
        key,
        attempt,
        partition,
        offset,
        type,
        id,
        rawKey,
        publishedAt,
        raw,
      });
      const inner = [
        'state',
        'laneNext',
        'notBeforeMs',
        'requestReceivedAtMs',
        'aborts',
        'body',
        'face',
        'settle',
        'park',
        'revoke',
        'abort',
        'reply',
      ];
      expect(inner.filter((name) => name in context)).toEqual([]);
      expect(Object.keys(context)).toEqual([]);
      expect(() => Object.assign(context, { attempt: 9 })).toThrow(TypeError);
    });

    it('is one object at each attempt, shows the attempt that runs, and is aborted when the broker takes it back', () => {
      const delivery = deliver();
      const context = contextOf(delivery);
      delivery.park(2, 0);
      delivery.revoke();
      expect(contextOf(delivery)).toBe(context);
      expect([context.attempt, context.signal.aborted]).toEqual([2, true]);
      expect(deliveryOf(context)).toBe(delivery);
    });

    it('has headers that cannot be changed', () => {
      const { headers } = contextOf(deliver());
      expect(() => Object.assign(headers, { tenant: 'evil' })).toThrow(TypeError);
    });

    it('can be written to a log, without its payload', () => {
      const text = JSON.stringify(contextOf(deliver()));
      expect(JSON.parse(text)).toMatchObject({ topic: 'orders', group: 'inventory', attempt: 1, id: 'orders/3/7' });
      expect(text).not.toContain('raw');
    });
  });

  it('takes its type from the header, and its place for an id when it has none', () => {
    expect(deliver().type).toBe('order.paid');
    expect(deliver().id).toBe('orders/3/7');
  });
});
