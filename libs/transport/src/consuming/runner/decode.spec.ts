import { isTransportError, type Codec, type Delivery, type Headers } from '../../contract/index.js';
import { jsonCodec } from '../../shared/index.js';
import { decoderOf } from './decode.js';

/** A codec that tells who read. */
const codecOf = (contentType: string, more: Partial<Codec> = {}): Codec => ({
  contentType,
  encode: () => Buffer.alloc(0),
  decode: (body) => `${contentType} read ${String(body)}`,
  ...more,
});
const delivery = (body: string | null, headers: Headers = {}): Delivery =>
  ({
    topic: 'orders',
    body: body === null ? null : Buffer.from(body),
    header: (name: string) => headers[name],
  }) as unknown as Delivery;
const thrownBy = (act: () => unknown): unknown => {
  try {
    return act();
  } catch (error) {
    return error;
  }
};

const ofEvent = codecOf('x/event');
const ofModule = codecOf('x/module');

describe('a message is read', () => {
  const decode = decoderOf(ofEvent, ofModule);

  it.each([
    ['by the codec of its event', { 'content-type': 'x/event' }, 'x/event read 5'],
    ['by the module’s', { 'content-type': 'x/module' }, 'x/module read 5'],
    ['by JSON, always', { 'content-type': 'application/json' }, 5],
    ['by JSON, under its other names', { 'content-type': 'application/cloudevents+json; charset=utf-8' }, 5],
    ['by the codec of its event when it says nothing, as foreign programs do', {}, 'x/event read 5'],
    [
      'by JSON when it says nothing but its id: it was published before the event had a codec',
      { 'message-id': 'a' },
      5,
    ],
  ])('%s', (_, headers, expected) => {
    expect(decode(delivery('5', headers as Headers))).toBe(expected);
  });

  it('by the module’s codec where its event has none, and says nothing', () => {
    expect(decoderOf(undefined, ofModule)(delivery('5'))).toBe('x/module read 5');
    expect(decoderOf(undefined, jsonCodec)(delivery('5', { 'message-id': 'a' }))).toBe(5);
  });

  it('by a codec that says itself what it reads', () => {
    const greedy = codecOf('x/greedy', { reads: () => true });
    for (const headers of [{}, { 'message-id': 'a' }, { 'content-type': 'text/plain' }]) {
      expect(decoderOf(undefined, greedy)(delivery('5', headers as Headers))).toBe('x/greedy read 5');
    }
  });

  it('as null when it has no body', () => {
    expect(decode(delivery(null, { 'content-type': 'x/unknown' }))).toBeNull();
  });

  it('at once, unless its codec takes its time', async () => {
    expect(decode(delivery('5', { 'content-type': 'x/event' }))).not.toBeInstanceOf(Promise);
    const slow = codecOf('x/slow', { decode: () => Promise.resolve('slowly') });
    const payload = decoderOf(slow, jsonCodec)(delivery('5'));
    expect(payload).toBeInstanceOf(Promise);
    expect(await payload).toBe('slowly');
  });
});

describe('a message is refused', () => {
  it('when nobody reads its content type, naming those that are read', () => {
    const error = thrownBy(() => decoderOf(ofEvent, jsonCodec)(delivery('5', { 'content-type': 'application/avro' })));
    expect(isTransportError(error, 'TRANSPORT_CONTENT_TYPE_UNKNOWN')).toBe(true);
    expect(String(error)).toContain('written as "application/avro"');
    expect(String(error)).toContain('reads "x/event" and "application/json"');
  });

  it.each([
    ['at once', () => Buffer.alloc(0).readUInt8(1)],
    ['later', () => Promise.reject(new RangeError('out of range'))],
  ])('when a codec of somebody else throws its own error %s', async (_, fail) => {
    const decode = decoderOf(codecOf('x/own', { decode: fail }), jsonCodec);
    await expect(Promise.resolve().then(() => decode(delivery('5')))).rejects.toMatchObject({
      code: 'TRANSPORT_PAYLOAD_UNDECODABLE',
      message: expect.stringContaining('is not "x/own"') as string,
    });
  });
});
