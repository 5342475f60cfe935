import { isJsonContentType, type TransportError } from '../contract/index.js';
import { jsonCodec } from './index.js';

const thrownBy = (action: () => unknown): unknown => {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('the JSON codec', () => {
  it.each([[{ a: [1, 'ü', null] }], ['text'], [0], [false], [null], [[]]])('gives back %j', (payload) => {
    expect(jsonCodec.decode(jsonCodec.encode(payload))).toEqual(payload);
  });

  it('reads past a byte order mark', () => {
    expect(jsonCodec.decode(Buffer.from('\ufeff{"a":1}'))).toEqual({ a: 1 });
  });

  it.each([
    ['', 'it is empty'],
    ['{"a":', 'is not JSON'],
    ['order 17', 'is not JSON'],
    ['\u0000\u0001\u0002', 'is not JSON'],
  ])('refuses %j by code', (text, reason) => {
    const error = thrownBy(() => jsonCodec.decode(Buffer.from(text))) as TransportError;
    expect(error.code).toBe('TRANSPORT_PAYLOAD_UNDECODABLE');
    expect(error.message).toContain(reason);
  });

  it('never quotes the payload that it cannot read', () => {
    const error = thrownBy(() => jsonCodec.decode(Buffer.from('password=hunter2'))) as TransportError;
    expect([error.message, error.cause]).toEqual([expect.not.stringContaining('hunter2'), undefined]);
  });

  it.each([
    ['__proto__', '{"a":[{"__proto__":{"isAdmin":true}}]}'],
    ['__proto__', '{"\\u005f_proto__":1}'],
    ['constructor.prototype', '{"constructor":{"prototype":{"isAdmin":true}}}'],
    ['constructor.prototype', '{"constructor":{"prot\\u006ftype":1}}'],
  ])('refuses the name %s, however it is written', (name, text) => {
    const error = thrownBy(() => jsonCodec.decode(Buffer.from(text))) as TransportError;
    expect(error.code).toBe('TRANSPORT_PAYLOAD_UNDECODABLE');
    expect(error.message).toContain(`"${name}"`);
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  it('takes the same words where they do no harm', () => {
    for (const payload of [
      { text: 'about __proto__ and "constructor": {"prototype"}' },
      { constructor: 'Acme builders' },
      { constructor: { name: 'Acme' }, prototype: 'of a car', deep: { prototype: {} } },
      { name: 'caf\u00e9' },
    ]) {
      expect(jsonCodec.decode(jsonCodec.encode(payload))).toEqual(payload);
    }
    expect(jsonCodec.decode(Buffer.from('{"name":"caf\\u00e9"}'))).toEqual({ name: 'café' });
  });

  it('looks through a text that is nested deeper than the stack', () => {
    const text = `${'['.repeat(50_000)}"proto"${']'.repeat(50_000)}`;
    expect(jsonCodec.decode(Buffer.from(text))).toHaveLength(1);
  });

  it.each([[undefined], [() => 1], [Symbol('x')], [1n], [{ amount: 1n }]])(
    'refuses a payload with no JSON form',
    (payload) => {
      expect(thrownBy(() => jsonCodec.encode(payload))).toMatchObject({ code: 'TRANSPORT_PAYLOAD_UNENCODABLE' });
    },
  );

  it('knows JSON by its content types', () => {
    for (const type of [
      'application/json',
      'Application/JSON; charset=utf-8',
      'text/json',
      'application/cloudevents+json',
    ]) {
      expect(isJsonContentType(type)).toBe(true);
    }
    for (const type of ['application/avro', 'text/plain', '', 'application/jsonl'])
      expect(isJsonContentType(type)).toBe(false);
  });
});
