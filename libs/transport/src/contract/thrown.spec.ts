import { BadRequestException } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { escapeControls, escapeStack, shown } from './foreign-text.js';
import { asError, explanationOf, isA, messageOf, nameOf, reasonOf, stackOf } from './thrown.js';

const trap = (): never => {
  throw new Error('trap');
};
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const withGetter = (name: string): Error => Object.defineProperty(new Error('x'), name, { get: trap });

/** Values that cannot be read, each in its own way. */
const HOSTILE: readonly (readonly [string, unknown])[] = [
  ['an error whose message throws', withGetter('message')],
  ['an error whose name throws', withGetter('name')],
  ['an error whose stack throws', withGetter('stack')],
  ['an error whose cause throws', withGetter('cause')],
  ['an error whose getResponse throws', Object.assign(new Error('x'), { getResponse: trap, getStatus: trap })],
  ['a Proxy whose traps throw', new Proxy({}, { get: trap, getPrototypeOf: trap, has: trap, ownKeys: trap })],
  ['a Proxy around an error', new Proxy(new Error('x'), { get: trap, getPrototypeOf: trap })],
  ['a revoked Proxy', revoked()],
  ['an AggregateError without errors', Object.assign(new AggregateError([]), { errors: revoked() })],
  ['an object without a prototype', Object.create(null)],
];

describe('a thrown value', () => {
  it.each(HOSTILE)('never throws when it is read: %s', (_, thrown) => {
    for (const read of [messageOf, nameOf, explanationOf, reasonOf]) expect(typeof read(thrown)).toBe('string');
    expect(() => stackOf(thrown)).not.toThrow();
    expect(isA(thrown, RangeError)).toBe(false);
    const error = asError(thrown);
    expect([typeof error.name, typeof error.message]).toEqual(['string', 'string']);
  });

  it.each([
    [
      'the reasons of a ValidationPipe',
      new BadRequestException(['n must be an integer', 's must be a text']),
      'Bad Request Exception: n must be an integer; s must be a text',
    ],
    ['the text of an exception once', new BadRequestException('no such sku'), 'no such sku'],
    ['the text of an RpcException once', new RpcException('Validation failed'), 'Validation failed'],
    ['the content of an RpcException', new RpcException({ status: 404, message: 'no such sku' }), 'no such sku'],
    [
      'what class-validator found',
      new RpcException([
        {
          property: 'n',
          value: 'secret',
          target: { card: 'secret' },
          constraints: { isInt: 'n must be an integer' },
          children: [{ constraints: { isText: 's must be a text' } }],
        },
      ]),
      'Rpc Exception: n must be an integer; s must be a text',
    ],
    [
      'the errors of an AggregateError',
      new AggregateError([new Error('a'), new Error('b')], 'two failed'),
      'two failed: a; b',
    ],
    [
      'the chain of causes',
      new Error('not saved', { cause: new TypeError('no connection', { cause: new Error('ECONNREFUSED') }) }),
      'not saved; caused by TypeError: no connection; caused by Error: ECONNREFUSED',
    ],
    [
      'a cause that is quoted already once',
      new Error('not saved: no connection', { cause: new Error('no connection') }),
      'not saved: no connection',
    ],
    ['the message of an object', { message: 'plain', card: 'secret' }, 'plain'],
    ['nothing of an object without a message', { card: 'secret' }, 'an object that is not an Error'],
    ['a text', 'boom', 'boom'],
  ])('is explained by %s', (_, thrown, expected) => expect(explanationOf(thrown)).toBe(expected));

  it('has an explanation of limited length, however much it carries', () => {
    const circle: { cause?: unknown } & Error = new Error('round');
    circle.cause = circle;
    const nested: unknown[] = [];
    nested.push(nested);
    const long = new Error('x'.repeat(1e6), { cause: new Error('y'.repeat(1e6)) });
    const many = new AggregateError(
      Array.from({ length: 1e5 }, (_, index) => new Error(`failure ${index}`)),
      'many',
    );
    expect(explanationOf(circle)).toBe('round');
    expect(explanationOf(Object.assign(new Error('n'), { getResponse: () => ({ message: nested }) }))).toBe('n');
    expect(explanationOf(long)).toHaveLength(1_000);
    expect(explanationOf(many)).toMatch(/^many: failure 0; .*failure 4; and more$/);
  });
});

describe('foreign text', () => {
  it('is escaped, so that it starts no log line and controls no terminal', () => {
    const forged = 'id-1\r\n[Nest] ERROR \u001b[31mred\u001b[0m\u0000\u009b\u2028\u202e';
    const shownText = 'id-1\\r\\n[Nest] ERROR \\x1b[31mred\\x1b[0m\\x00\\x9b\\u2028\\u202e';
    expect(escapeControls(forged)).toBe(shownText);
    expect(shown(forged)).toBe(shownText);
    expect(shown('x'.repeat(300))).toBe(`${'x'.repeat(197)}...`);
  });

  it('in a stack leaves the code locations on their own lines', () => {
    const stack = 'Error: a\nb\n    at one (file:1:1)\n    at two (file:2:2)';
    expect(escapeStack(stack)).toBe('Error: a\\nb\n    at one (file:1:1)\n    at two (file:2:2)');
  });
});
