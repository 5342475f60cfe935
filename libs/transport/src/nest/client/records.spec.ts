import { NatsRecordBuilder, RmqRecordBuilder } from '@nestjs/microservices';
import { unwrapped } from './records.js';

describe('a record of Nest', () => {
  it('on Kafka is published as its value, with key, headers and partition', () => {
    const headers = { tenant: Buffer.from('blue'), n: 7, absent: undefined };
    const record = { key: 'customer-7', value: { orderId: 'o-1' }, headers, partition: 2 };
    expect(unwrapped(record, 'kafka')).toEqual({
      data: { orderId: 'o-1' },
      options: { key: 'customer-7', headers: { tenant: 'blue', n: '7' }, partition: 2 },
      left: [],
    });
    expect(unwrapped({ key: { id: 1 }, value: 'x' }, 'kafka').options).toEqual({ key: '{"id":1}' });
    expect(unwrapped({ key: 7, value: 'x', timestamp: '1' }, 'kafka')).toMatchObject({
      options: { key: '7' },
      left: ['timestamp'],
    });
  });

  it('is none on other brokers, and none with another field: that is a payload', () => {
    const payload = { key: 'a', value: 1 };
    expect(unwrapped(payload, 'nats').data).toBe(payload);
    const other = { key: 'a', value: 1, currency: 'EUR' };
    expect(unwrapped(other, 'kafka').data).toBe(other);
    expect(unwrapped([1], 'kafka').data).toEqual([1]);
    expect(unwrapped('text', 'kafka').data).toBe('text');
  });

  it('without a value is refused, because a tombstone cannot be published', () => {
    expect(() => unwrapped({ key: 'a', value: null }, 'kafka')).toThrow(/tombstone.*TRANSPORT_PAYLOAD_UNENCODABLE/);
  });

  it('of NatsRecordBuilder and RmqRecordBuilder is its data and headers, on every broker', () => {
    const natsHeaders = { keys: () => ['tenant'], get: () => 'blue' };
    const nats = new NatsRecordBuilder({ n: 1 }).setHeaders(natsHeaders).build();
    expect(unwrapped(nats, 'nats')).toEqual({ data: { n: 1 }, options: { headers: { tenant: 'blue' } }, left: [] });
    const rmq = new RmqRecordBuilder({ n: 1 }).setOptions({
      headers: { tenant: 'blue' },
      messageId: 'id-1',
      priority: 3,
    });
    expect(unwrapped(rmq.build(), 'rabbitmq')).toEqual({
      data: { n: 1 },
      options: { headers: { tenant: 'blue' }, id: 'id-1' },
      left: ['priority'],
    });
  });
});
