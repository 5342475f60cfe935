import { JsonMembers } from './json-members.js';

const texts = (json: string): Record<string, string> | undefined => {
  const members = JsonMembers.of(Buffer.from(json));
  return members && Object.fromEntries([...members.names].map((name) => [name, `${members.bytes(name)}`]));
};

describe('the members of a JSON object', () => {
  it('are the bytes that were written, spaces and long numbers too', () => {
    expect(texts(' {"a" : 1.50 ,\n"b":{"c":[1, {"d":"}]"}]}, "e":"x\\"y,}", "f":12345678901234567890}\n')).toEqual({
      a: '1.50',
      b: '{"c":[1, {"d":"}]"}]}',
      e: '"x\\"y,}"',
      f: '12345678901234567890',
    });
    expect(texts('{}')).toEqual({});
    expect(texts('{"\\u0061":null}')).toEqual({ a: 'null' });
    expect(texts('{"a":true,"a":false}')).toEqual({ a: 'false' });
  });

  it.each([
    '',
    'null',
    '[1]',
    '"{}"',
    '{',
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":}',
    '{"a":[1}',
    '{"a":"x}',
    '{"a":1}x',
    '{a:1}',
    '{"a" 1}',
    '{"\\x":1}',
    '\ufeff{}',
  ])('of %s are none', (json) => expect(texts(json)).toBeUndefined());

  it('are found in whatever bytes, without a throw', () => {
    for (let seed = 1; seed < 3_000; seed++) {
      const bytes = Buffer.from(
        Array.from({ length: seed % 40 }, (_, n) =>
          '{}[]":,\\ a1\u00ff'.charCodeAt((seed * (n + 7) * 2_654_435_761) % 13),
        ),
      );
      const members = JsonMembers.of(bytes);
      for (const name of members?.names ?? []) members?.text(name);
    }
  });

  it('as texts are read like JSON', () => {
    const members = JsonMembers.of(Buffer.from('{"a":"Zo\\u00eb \u{1f989}","b":12,"c":"","d":"\\q","e":"\\\\"}'));
    const read = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => members?.text(name));
    expect(read).toEqual(['Zoë \u{1f989}', undefined, '', undefined, '\\', undefined]);
  });
});
