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

  it('escape foreign text', () => {
    const error = new TransportError('TRANSPORT_CLOSED', 'Message a\nb \u001b[31m');
    expect(error.message).toBe('Message a\\nb \\x1b[31m (TRANSPORT_CLOSED)');
  });

  it('are distinguished by code, and other errors are not taken for ours', () => {
    const error = new TransportError('TRANSPORT_CLOSED', 'closed.');
    expect(isTransportError(error)).toBe(true);
    expect(isTransportError(error, 'TRANSPORT_CLOSED')).toBe(true);
    expect(isTransportError(error, 'TRANSPORT_NOT_STARTED')).toBe(false);
    expect(isTransportError(Object.assign(new Error('x'), { code: 'TRANSPORT_CLOSED' }))).toBe(false);
  });

  it('can be prefixed with a place in the user’s code, and stay the same otherwise', () => {
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

  it('name the fields of an invalid payload', () => {
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

  it('return their output, and a promise only if they are asynchronous', async () => {
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

  it('is awaited when it returns a thenable that is not a Promise', async () => {
    expect(await validate(schema({ value: 7 }), 1, 'x')).toBe(7);
    await expect(validate(schema({ issues: [{ message: 'no' }] }), 1, 'x')).rejects.toThrow('event "x": no.');
  });

  it('rejects a payload as invalid although its issues cannot be read', () => {
    const issue = Object.defineProperty({ path: 7 }, 'message', {
      get: () => {
        throw new Error('lazy');
      },
    });
    expect(describeIssues([issue as never])).toBe('an issue without a message');
  });
});

describe('defineEvent', () => {
  it('uses a topic of its own name by default', () => {
    expect(defineEvent('order.created').topic).toBe('order.created');
    expect(defineEvent('order.created', { topic: 'orders' })).toMatchObject({ type: 'order.created', topic: 'orders' });
  });

  it.each([
    ['', {}, 'the type must be a non-empty string'],
    ['a', { topic: '' }, 'the topic must not be empty'],
    ['a', { schema: {} }, '~standard'],
    ['a', { key: 'orderId' }, 'the key must be a function'],
    ['a', { key: () => 'x', optionalKey: 'yes' }, 'optionalKey must be true or false'],
    ['a', { optionalKey: true }, 'optionalKey needs a key function'],
    ['a', { topics: 'b' }, 'unknown option "topics"'],
  ])('rejects %j %j', (type, options, text) => {
    const error = thrownBy(() => defineEvent(type, options as never)) as TransportError;
    expect(error.code).toBe('TRANSPORT_EVENT_INVALID');
    expect(error.message).toContain(text);
  });
});

describe('capabilities', () => {
  const broker = { driver: 'memory', capabilities: { durability: 'unsupported', groups: 'native' } as never };

  it('that are unsupported are rejected by code, with a remedy', () => {
    const error = thrownBy(() =>
      requireCapabilities(broker, ['groups', 'durability'], 'TransportModule', 'Use kafka().'),
    ) as TransportError;
    expect(error.code).toBe('TRANSPORT_CAPABILITY_UNSUPPORTED');
    expect(error.message).toContain('"durability" (a confirmed message survives');
    expect(error.message).toContain('Use kafka().');
  });

  it('that are unsupported are rejected with the reason of the driver, if it gives one', () => {
    const unsupportedBecause = { durability: 'it lives in memory' };
    const refuse = () => requireCapabilities({ ...broker, unsupportedBecause }, ['durability'], 'x', 'Use kafka().');
    expect(refuse).toThrow('which the memory driver does not support: it lives in memory. Use kafka().');
  });

  it('that a driver does not list are unsupported', () => {
    expect(() => requireCapabilities(broker, ['wildcards'], 'x')).toThrow('requires "wildcards"');
  });

  it('that are supported are accepted', () => {
    expect(() => requireCapabilities(broker, ['groups'], 'x')).not.toThrow();
  });
});

describe('notices', () => {
  const connected = { broker: 'default' };

  it('reach listeners until they stop', () => {
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

  it('continue when a listener throws, and report the error', () => {
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

  it('continue when a listener rejects, and report it like one that throws', async () => {
    const faults: unknown[] = [];
    const notices = new Notices((error, name) => faults.push([name, (error as Error).message]));
    // An asynchronous listener, which the type accepts as one that returns nothing.
    const listener = (): unknown => Promise.reject(new Error('later'));
    notices.on('broker:connected', listener as () => void);
    notices.emit('broker:connected', connected);
    await new Promise(setImmediate);
    expect(faults).toEqual([['broker:connected', 'later']]);
  });

  it('continue when the report of a failed listener fails as well', () => {
    const notices = new Notices(() => {
      throw new Error('the logger is broken');
    });
    notices.on('broker:connected', () => {
      throw new Error('boom');
    });
    expect(() => notices.emit('broker:connected', connected)).not.toThrow();
  });

  it('stop twice without removing a later listener', () => {
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

  it('settles once; a late or repeated settlement returns false and does nothing', () => {
    const delivery = deliver();
    expect(delivery.settle(ACK)).toBe(true);
    expect(delivery.settle({ kind: 'nack', delayMs: 0 })).toBe(false);
    expect(delivery.settlements).toEqual([ACK]);
  });

  it('that was revoked cannot be settled', () => {
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

    it('is one object at each attempt, shows the running attempt, and aborts when the broker revokes it', () => {
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

  it('takes its type from the header, and its position as its id when it has none', () => {
    expect(deliver().type).toBe('order.paid');
    expect(deliver().id).toBe('orders/3/7');
  });
});
