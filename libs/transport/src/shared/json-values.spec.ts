import { jsonCodec, lossyJsonCodec } from './json-codec.js';
import type { TransportError } from '../contract/index.js';

const refusalOf = (payload: unknown): string => {
  try {
    jsonCodec.encode(payload);
  } catch (error) {
    return `${(error as TransportError).code} ${(error as Error).message}`;
  }
  return 'none';
};

class Point {
  constructor(readonly x: number) {}
}
class Money {
  constructor(readonly cents: number) {}
  toJSON(): number {
    return this.cents / 100;
  }
}

describe('the JSON codec', () => {
  it.each<[unknown, string]>([
    [new Map([['a', 1]]), 'it is a Map'],
    [{ tags: new Set(['a']) }, '"tags" is a Set'],
    [{ items: [{ sku: 'a' }, { sku: 'b', stock: new Map() }] }, '"items[1].stock" is a Map'],
    [{ bytes: new Uint8Array(3) }, '"bytes" is a Uint8Array'],
    [{ bytes: new Float64Array(0) }, '"bytes" is a Float64Array'],
    [{ bytes: new ArrayBuffer(3) }, '"bytes" is an ArrayBuffer'],
    [{ user: Promise.resolve(1) }, '"user" is a Promise'],
    [{ error: new Error('boom') }, '"error" is an Error'],
    [{ match: /a/ }, '"match" is a RegExp'],
    [{ query: new URLSearchParams('a=b') }, '"query" is a URLSearchParams'],
    [Number.NaN, 'it is NaN'],
    [{ note: null, rate: 1 / 0 }, '"rate" is Infinity'],
    [[1, [-1 / 0]], '"[1][0]" is -Infinity'],
    [new Point(Number.NaN), '"x" is NaN'],
    [{ price: new Money(Number.NaN) }, '"price" is NaN'],
    [{ at: new Date(Number.NaN) }, '"at" is an invalid Date'],
  ])('refuses what JSON has no word for, with its path: %p', (payload, text) => {
    expect(refusalOf(payload)).toMatch(/^TRANSPORT_PAYLOAD_UNENCODABLE /);
    expect(refusalOf(payload)).toContain(text);
  });

  it('still refuses a bigint and a circle', () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    for (const payload of [{ n: 1n }, circle]) expect(refusalOf(payload)).toMatch(/^TRANSPORT_PAYLOAD_UNENCODABLE /);
  });

  it('writes all that JSON has words for, as it is', () => {
    const payload = {
      ...{ none: null, empty: {}, list: [], text: 'null {} {"0":', zero: -0, numbers: { 0: 'a' }, at: new Date(0) },
      ...{
        point: new Point(1),
        price: new Money(150),
        left: undefined,
        bytes: Buffer.from('a'),
        blank: Object.create(null),
      },
    };
    expect(jsonCodec.encode(payload).toString()).toBe(JSON.stringify(payload));
  });

  it('looks into what is nested deeper than the stack', () => {
    let deep: unknown = Number.NaN;
    for (let depth = 0; depth < 2_000; depth++) deep = [deep];
    expect(refusalOf(deep)).toMatch(/is NaN/);
  });

  it('writes what JSON.stringify makes of it where that was chosen', () => {
    expect(lossyJsonCodec.encode({ tags: new Set(['a']), rate: Number.NaN }).toString()).toBe(
      '{"tags":{},"rate":null}',
    );
  });
});
