import type { OutgoingMessage } from '../../contract/index.js';
import {
  bodyOf,
  delayedCopyOf,
  headersOf,
  idOf,
  keyOf,
  pastOf,
  publishedAtOf,
  recordOf,
  reservedHeader,
  type RabbitmqProperties,
  type RabbitmqRecord,
} from './mapping.js';

const NOW = 1_700_000_000_999;

const outgoing = (message: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  ...{ topic: 't', key: undefined, body: Buffer.from('{}'), headers: undefined, id: 'id-1', partition: undefined },
  ...message,
});

const received = (
  properties: RabbitmqProperties,
  fields: Partial<RabbitmqRecord['fields']> = {},
  content: Buffer = Buffer.from('{}'),
): RabbitmqRecord => ({
  content,
  fields: { deliveryTag: 1, redelivered: false, exchange: 'x', routingKey: 't', consumerTag: 'c', ...fields },
  properties,
});

describe('an outgoing message', () => {
  it('has id, type and content type as properties, everything else as headers, and is persistent', () => {
    const headers = { 'message-id': 'id-1', 'message-type': 'made', 'content-type': 'text/csv', tenant: 'acme' };
    const { properties } = recordOf(outgoing({ headers, key: 'k' }), NOW);
    expect(properties).toMatchObject({ messageId: 'id-1', type: 'made', contentType: 'text/csv', deliveryMode: 2 });
    expect(properties.timestamp).toBe(1_700_000_000);
    expect(properties.headers).toEqual({ tenant: 'acme', 'message-key': 'k' });
  });

  it('keeps texts that are too long for a property in the table', () => {
    const id = 'ö'.repeat(128);
    const { properties } = recordOf(outgoing({ id, headers: { 'message-id': id } }), NOW);
    expect(properties.messageId).toBeUndefined();
    expect(idOf(received(properties))).toBe(id);
  });

  it('must not use headers that the broker or the driver sets', () => {
    expect(reservedHeader({ tenant: 'a' })).toBeUndefined();
    expect(reservedHeader(undefined)).toBeUndefined();
    for (const name of ['x-death', 'x-delivery-count', 'x-transport-attempts', 'cc', 'transport-rest-100']) {
      expect(reservedHeader({ [name]: '1' })).toBe(name);
    }
  });
});

describe('an incoming message', () => {
  it('arrives as it was sent', () => {
    const headers = { 'message-id': 'id-1', 'message-type': 'made', 'content-type': 'text/csv', tenant: 'ä' };
    const { content, properties } = recordOf(outgoing({ headers, key: 'k', body: null }), NOW);
    const record = received(properties, {}, content);
    expect({ ...headersOf(record) }).toEqual(headers);
    expect([keyOf(record), bodyOf(record), idOf(record)]).toEqual(['k', null, 'id-1']);
    expect(publishedAtOf(record)).toEqual(new Date(1_700_000_000_000));
  });

  it('of a foreign program shows what is text, and hides what the broker added', () => {
    const table = {
      Tenant: 'acme',
      count: 3,
      flag: true,
      big: 5n,
      bytes: Buffer.from('ü'),
      at: { '!': 'timestamp', value: 1_700_000_000 },
      table: { a: 1 },
      list: [1],
      nothing: null,
      'x-death': [{ count: 1 }],
      'x-delivery-count': 2,
      'x-transport-attempts': 9,
    };
    expect({ ...headersOf(received({ headers: table })) }).toEqual({
      ...{ tenant: 'acme', count: '3', flag: 'true', big: '5', bytes: 'ü', at: '2023-11-14T22:13:20.000Z' },
    });
  });

  it('without properties is accepted as it is', () => {
    const record = received({}, {}, Buffer.alloc(0));
    expect([keyOf(record), idOf(record), publishedAtOf(record)]).toEqual([undefined, undefined, undefined]);
    expect(bodyOf(record)).toEqual(Buffer.alloc(0));
    expect({ ...headersOf(record) }).toEqual({});
    expect(publishedAtOf(received({ timestamp: 8.64e15 }))).toBeUndefined();
  });
});

describe('attempts', () => {
  it('are those in the header plus the deliveries that the broker counted', () => {
    const noted = { 'x-transport-attempts': 2, 'x-transport-topic': 'a.b' };
    expect(pastOf(received({})).attempts).toBe(0);
    expect(pastOf(received({}, { redelivered: true }))).toMatchObject({ attempts: 1, deliveries: 1 });
    const counted = received({ headers: { 'x-delivery-count': 3 } }, { redelivered: true });
    expect(pastOf(counted)).toMatchObject({ attempts: 3, deliveries: 3 });
    const both = received({ headers: { ...noted, 'x-delivery-count': 1 } }, { exchange: '', redelivered: true });
    expect(pastOf(both)).toMatchObject({ attempts: 3, deliveries: 1, topic: 'a.b' });
  });

  it('are ignored in messages that were published to an exchange', () => {
    const forged = { 'x-transport-attempts': 99, 'x-transport-topic': 'other', 'x-transport-due': '9999999999999' };
    expect(pastOf(received({ headers: forged }))).toEqual({ attempts: 0, deliveries: 0, topic: undefined, dueAt: 0 });
  });

  it('ignore invalid headers', () => {
    for (const value of [-1, 1.5, 'x', NaN, null, {}]) {
      expect(pastOf(received({ headers: { 'x-transport-attempts': value } }, { exchange: '' })).attempts).toBe(0);
    }
  });
});

describe('a copy that waits', () => {
  it('is the message without what would make RabbitMQ reject it, route it elsewhere or expire it early', () => {
    const properties = {
      ...{ messageId: 'id-1', type: 'made', userId: 'somebody', expiration: '60000', priority: 3, correlationId: 'c' },
      headers: { tenant: 'acme', CC: ['q'], 'x-death': [], 'x-transport-attempts': 1, nested: { a: 1 } },
    };
    const copy = delayedCopyOf(received(properties), 'id-1', { 'x-transport-attempts': 2 });
    expect(copy.properties).toEqual({
      ...{ messageId: 'id-1', type: 'made', priority: 3, correlationId: 'c', deliveryMode: 2 },
      headers: { tenant: 'acme', nested: { a: 1 }, 'x-transport-attempts': 2 },
    });
  });

  it('of a message without an id has the id that the driver generated', () => {
    expect(delayedCopyOf(received({}), 'given', {}).properties.messageId).toBe('given');
  });
});

it('sends a correlation id as the AMQP property, where other programs look for it, and reads it back as a header', () => {
  const headers = { 'correlation-id': 'c-1', tenant: 'blue' };
  const sent = recordOf({ topic: 't', id: 'm-1', key: undefined, body: null, headers, partition: undefined }, 0);
  expect(sent.properties).toMatchObject({ correlationId: 'c-1', headers: { tenant: 'blue' } });
  expect(sent.properties.headers).not.toHaveProperty('correlation-id');
  const fields = { deliveryTag: 1, redelivered: false, exchange: '', routingKey: 't', consumerTag: '' };
  expect(headersOf({ content: sent.content, fields, properties: sent.properties })).toMatchObject(headers);
});
