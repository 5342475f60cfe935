import { HTTP, ValidationError, type CloudEvent } from 'cloudevents';
import type { OutgoingMessage } from '../../../contract/index.js';
import { unwrap, wrap } from './envelope.js';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 6);
const message = (more: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  topic: 'orders',
  key: undefined,
  body: Buffer.from('{"n":1}'),
  headers: { 'message-id': 'm-1' },
  id: 'm-1',
  partition: undefined,
  ...more,
});
const there = (more: Partial<OutgoingMessage> = {}): string => wrap(message(more), 'order service', NOW).toString();
const andBack = (more: Partial<OutgoingMessage> = {}) => unwrap(wrap(message(more), 'order service', NOW), 'orders');

const HEADERS = {
  'message-id': 'm-1',
  'message-type': 'order.created',
  'tenant-id': 'acme',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'x-text': 'Größe: 10 €, "quoted", 🦉, \u2028, \t',
  'x-empty': '',
  empty: '',
  tab: 'a\tb',
  id: 'not the id',
  data: 'not the data',
  headers: 'not the others',
  constructor: 'own',
  averyveryverylongname: 'more than 20',
};

describe('a message in its envelope', () => {
  it('is a CloudEvent that anybody can read', () => {
    expect(there({ key: 'o-1', headers: { 'message-id': 'm-1', traceparent: '00-x', 'tenant-id': 'acme' } })).toBe(
      '{"specversion":"1.0","id":"m-1","source":"order%20service","type":"orders","time":"2026-01-02T03:04:05.006Z",' +
        '"datacontenttype":"application/json","partitionkey":"o-1","traceparent":"00-x",' +
        '"headers":"{\\"tenant-id\\":\\"acme\\"}","data":{"n":1}}',
    );
  });

  it('comes back with the headers it went with, whatever they are called', () => {
    const { headers, id, key, time } = andBack({ headers: HEADERS, key: 'Schlüssel 🗝 \u0001' });
    expect({ ...headers }).toEqual(HEADERS);
    expect([id, key, time]).toEqual(['m-1', 'Schlüssel 🗝 \u0001', new Date(NOW).toISOString()]);
    expect(Object.getPrototypeOf(headers)).toBeNull();
  });

  it('has no type of its own where that is the topic', () => {
    expect({ ...andBack().headers }).toEqual({ 'message-id': 'm-1' });
  });

  const bodies: [string, Buffer | null, 'data' | 'data_base64' | 'neither'][] = [
    ['JSON', Buffer.from('{"n":1}'), 'data'],
    ['JSON as somebody spaced it', Buffer.from('{ "n" : 1.0 }'), 'data'],
    ['a number that JavaScript has not', Buffer.from('12345678901234567890'), 'data'],
    ['null', Buffer.from('null'), 'data'],
    ['a text', Buffer.from('"}"'), 'data'],
    ['no body at all', null, 'neither'],
    ['an empty body', Buffer.alloc(0), 'data_base64'],
    ['what is no JSON', Buffer.from('{"n":'), 'data_base64'],
    ['JSON with a line break behind', Buffer.from('{}\n'), 'data_base64'],
    ['JSON with a byte order mark', Buffer.from('\ufeff{}'), 'data_base64'],
    ['bytes', Buffer.from([0, 255, 10, 34]), 'data_base64'],
    ['JSON in which a text is no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'data_base64'],
  ];
  it.each(bodies)('carries %s byte for byte', (_what, body, member) => {
    const stored = there({ body });
    expect([stored.includes('"data":'), stored.includes('"data_base64":')]).toEqual([
      member === 'data',
      member === 'data_base64',
    ]);
    expect(andBack({ body }).body).toEqual(body);
  });

  it('says what the bytes are, and leaves what is not JSON alone', () => {
    const headers = { 'message-id': 'm-1', 'content-type': 'application/x-protobuf' };
    const body = Buffer.from('{"looks":"like JSON"}');
    expect(there({ headers, body })).toContain('"datacontenttype":"application/x-protobuf","data_base64"');
    const back = andBack({ headers, body });
    expect([back.body, back.headers['content-type']]).toEqual([body, 'application/x-protobuf']);
  });

  it('is understood by the CloudEvents SDK, strictly, with every header', () => {
    for (const body of [Buffer.from('{"n":1}'), Buffer.from([0, 1, 255]), null]) {
      const stored = there({ headers: HEADERS, key: 'o-1', body });
      const event = HTTP.toEvent({
        headers: { 'content-type': 'application/cloudevents+json' },
        body: stored,
      }) as CloudEvent<unknown>;
      expect(() => event.validate()).not.toThrow(ValidationError);
      expect([event.id, event.type, event.source, event['partitionkey'], event['traceparent']]).toEqual([
        ...['m-1', 'order.created', 'order%20service', 'o-1', HEADERS.traceparent],
      ]);
      expect(Object.keys(event).filter((name) => !/^[a-z0-9_]{1,20}$/.test(name))).toEqual([]);
    }
  });
});

describe('what other programs wrote', () => {
  const read = (text: string) => unwrap(Buffer.from(text), 'orders');
  const event = (more: string): string => `{"specversion":"1.0","id":"f-1","source":"/x","type":"t"${more}}`;

  it('is taken as it is when it is no CloudEvent', () => {
    for (const text of [
      '{"n":1}',
      'plain',
      '',
      '{"pattern":"p","data":{"n":9}}',
      '{"specversion":"0.3","id":"a","source":"b","type":"c","data":1}',
      '{"specversion":"1.0","id":"","source":"b","type":"c"}',
      '{"specversion":"1.0","id":7,"source":"b","type":"c"}',
      event(',"data_base64":7'),
      event(',"data":1').slice(0, -1),
      '[{"specversion":"1.0"}]',
    ]) {
      expect(read(text)).toMatchObject({ id: undefined, key: undefined, body: Buffer.from(text) });
      expect({ ...read(text).headers }).toEqual({});
    }
  });

  it('is read when it is one, with the type as a header and extensions as headers', () => {
    const found = read(
      event(',"subject":"s","time":"2026-01-02T03:04:05Z","tenant":"acme","count":3,"ok":true,"data":{"a": 1}'),
    );
    expect({ ...found.headers }).toEqual({
      'message-id': 'f-1',
      'message-type': 't',
      tenant: 'acme',
      count: '3',
      ok: 'true',
    });
    expect(found).toMatchObject({
      id: 'f-1',
      body: Buffer.from('{"a": 1}'),
      time: '2026-01-02T03:04:05Z',
    });
  });

  it('is read with a text that is no JSON, and a time that is none', () => {
    const found = read(event(',"datacontenttype":"text/plain","data":"Zo\\u00eb","time":"soon"'));
    expect(found).toMatchObject({ body: Buffer.from('Zoë'), time: 'soon' });
    expect(found.headers['content-type']).toBe('text/plain');
  });

  it('cannot say twice what has an attribute, nor plant what is no text', () => {
    const forged = JSON.stringify(JSON.stringify({ 'message-id': 'forged', ['__proto__']: 'x', n: 1, 'X-Case': 'y' }));
    const { headers } = read(event(`,"headers":${forged}`));
    expect({ ...headers }).toMatchObject({ 'message-id': 'f-1', 'x-case': 'y' });
    expect(headers['n']).toBeUndefined();
    expect(Object.getPrototypeOf(headers)).toBeNull();
    for (const bad of ['"[1]"', '"{"', '7', 'null', '"null"']) expect(read(event(`,"headers":${bad}`)).id).toBe('f-1');
  });
});
