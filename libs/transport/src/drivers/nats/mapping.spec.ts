import type { OutgoingMessage } from '../../contract/index.js';
import { attemptsIn, noteOf } from './receiving/attempts-note.js';
import { filterOf } from './receiving/consumers.js';
import { deadLetterId, headersToWrite, placeOf, readHeaders, wireText, type NatsMessage } from './mapping.js';
import { covers, legalName, subscribedTopicProblem, topicProblem } from './topology/names.js';
import { RecentlyDone } from './receiving/recently-done.js';
import type { SettledMark } from './receiving/settled-mark.js';
import { settlementText } from './receiving/settlements.js';

const received = (headers: Record<string, string[]>): NatsMessage => ({
  subject: 's',
  data: new Uint8Array(),
  headers: {
    keys: () => Object.keys(headers),
    [Symbol.iterator]: () => Object.entries(headers)[Symbol.iterator](),
    values: (name) => headers[name] ?? [],
  },
});
const outgoing = (more: Partial<OutgoingMessage>): OutgoingMessage => ({
  ...{ topic: 't', id: 'id', key: undefined, body: Buffer.from('x'), headers: undefined, partition: undefined },
  ...more,
});

describe('the id of a dead letter', () => {
  const failure = {
    'dead-letter-topic': 'pay.done',
    'dead-letter-group': 'mail',
    'dead-letter-offset': '1',
    'dead-letter-attempts': '3',
    'dead-letter-last-failed-at': '2026-01-01T00:00:00.000Z',
  };
  const idOf = (more: Record<string, string>, topic = 'dlq'): string | undefined =>
    deadLetterId(outgoing({ topic, headers: { ...failure, ...more } }));

  it('is the same each time the dead letter is sent', () => {
    expect(idOf({})).toMatch(/^id\/[\w-]{22}$/);
    expect(idOf({ 'dead-letter-error-message': 'said otherwise' })).toBe(idOf({}));
  });

  it('differs by destination, group, origin, attempts and time of the failure', () => {
    const changes = Object.keys(failure).map((name) => idOf({ [name]: 'other' }));
    expect(new Set([idOf({}), idOf({}, 'elsewhere'), ...changes]).size).toBe(7);
  });

  it('is undefined for any other message', () => {
    expect(deadLetterId(outgoing({}))).toBeUndefined();
    expect(deadLetterId(outgoing({ headers: { tenant: 'acme' } }))).toBeUndefined();
  });
});

describe('names of streams and consumers', () => {
  it('are readable where they cannot be confused, and have a hash where they could', () => {
    expect(legalName('order.created')).toBe('order_created');
    expect(legalName('inventory', 'order.created')).toBe('inventory-order_created');
    expect(legalName('stock-service', 'order.created')).toMatch(/^stock-service-order_created-[0-9a-f]{8}$/);
    expect(legalName('group', 'orders.>')).toMatch(/^group-orders_all-[0-9a-f]{8}$/);
  });

  it('are legal, different for different parts, and never too long', () => {
    const parts = [
      ['a.b'],
      ['a_b'],
      ['a', 'b'],
      ['a-b'],
      ['a', 'b-c'],
      ['a-b', 'c'],
      ['a.*'],
      ['a.any'],
      ['ä'],
      ['a/b'],
      ['x'.repeat(255)],
    ];
    const names = parts.map((each) => legalName(...each));
    expect(new Set(names).size).toBe(parts.length);
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_=-]{1,120}$/);
  });
});

describe('a topic', () => {
  it.each([
    '',
    'a b',
    'a..b',
    '.a',
    'a.',
    '*',
    'a.>',
    '$SYS.x',
    '_INBOX',
    '_INBOX.x',
    '_INBOX_shop.x',
    'ü',
    'x'.repeat(256),
  ])('is refused: %j', (topic) => {
    expect(topicProblem(topic)).toEqual(expect.any(String));
  });

  it.each(['a', 'order.created', 'Order-created_2', 'a*b', 'x'.repeat(255), '_INBOXES'])('is taken: %j', (topic) => {
    expect(topicProblem(topic)).toBeUndefined();
  });

  it('may be a pattern where it is subscribed to, with whole words only', () => {
    for (const pattern of ['*', '>', 'a.*', 'a.*.c', 'a.>']) expect(subscribedTopicProblem(pattern)).toBeUndefined();
    for (const pattern of ['a.>.c', 'a. *', '$JS.>', 'a..>'])
      expect(subscribedTopicProblem(pattern)).toEqual(expect.any(String));
  });

  it.each([
    ['a.>', 'a.b', true],
    ['a.>', 'a.b.>', true],
    ['a.*', 'a.>', false],
    ['a.*', 'a.b', true],
    ['>', 'a.>', true],
    ['a', 'a', true],
    ['a.b', 'a.*', false],
  ])('%s covers %s: %s', (general, special, expected) => {
    expect(covers(general, special)).toBe(expected);
  });

  it.each([
    ['a.b', ['a.b'], ['a.b']],
    ['a.b', ['a.>'], ['a.b']],
    ['a.>', ['a.b', 'a.c', 'x'], ['a.b', 'a.c']],
    ['a.*', ['a.>'], ['a.*']],
    ['a.>', ['a.*'], ['a.*']],
    ['a.*.c', ['a.b.*'], ['a.*.c']],
  ])('%s of a stream with %j is asked for by %j', (topic, subjects, expected) => {
    expect(filterOf(topic, subjects)).toEqual(expected);
  });
});

describe('the address of a settlement', () => {
  it('says where the message is stored and how often it was delivered, in both of its forms', () => {
    const place = {
      stream: 'S',
      consumer: 'C',
      deliveries: 2,
      sequence: 17,
      deliverySequence: 9,
      storedAtMs: 1_700_000_000_123,
      pending: 4,
    };
    expect(placeOf('$JS.ACK.S.C.2.17.9.1700000000123456789.4')).toEqual(place);
    expect(placeOf('$JS.ACK.hub.acc.S.C.2.17.9.1700000000123456789.4')).toEqual(place);
    expect(placeOf('$JS.ACK._.acc.S.C.2.17.9.1700000000123456789.4.rnd')).toEqual(place);
  });

  it.each([undefined, '', '_INBOX.x', '$JS.ACK', '$JS.API.S.C.1.1.1.1.1', '$JS.ACK.S.C.1.1.1.1.1.1'])(
    'is none: %j',
    (reply) => {
      expect(placeOf(reply)).toBeUndefined();
    },
  );

  it('is told how it ended, and nothing of what is inside an error', () => {
    expect(settlementText({ kind: 'ack' }).toString()).toBe('+ACK');
    expect(settlementText({ kind: 'nack', delayMs: 0 })).toBe('-NAK');
    expect(settlementText({ kind: 'nack', delayMs: 1.5 })).toBe('-NAK {"delay":2000000}');
    const reason = Object.assign(new Error('the card number is 4'), { name: 'Payment\r\nError' });
    expect(settlementText({ kind: 'reject', reason })).toBe('+TERM PaymentError');
  });
});

describe('headers', () => {
  it('carry id, key and the missing body in names of their own, and none of the server', () => {
    const headers = { 'message-id': 'id', tenant: 'acme', 'nats-schedule': 'x' };
    expect(headersToWrite(outgoing({ key: 'k', body: null, headers }))).toEqual([
      ['Nats-Msg-Id', 'id'],
      ['message-key', 'k'],
      ['message-body', 'none'],
      ['tenant', 'acme'],
    ]);
  });

  it.each(['', 'plain', 'Größe 🦉', 'a\tb', '  spaces  ', 'line\r\nbreak', '=?utf-8?B?eA==?=', '\u0000', 'a\u00a0'])(
    'survive the wire: %j',
    (value) => {
      const wire = wireText(value);
      expect(wire).not.toMatch(/[\r\n]/);
      expect(wire.trim()).toBe(wire);
      expect({ ...readHeaders(received({ X: [wire] })).headers }).toEqual({ x: value });
    },
  );

  it('are read whatever a foreign program wrote', () => {
    const { headers, key, hasBody, replyTo } = readHeaders(
      received({
        'Nats-Msg-Id': ['7'],
        'Nats-Stream': ['S'],
        Constructor: ['a', 'b'],
        'Message-Key': ['k'],
        'message-body': ['none'],
        'message-reply-to': ['_INBOX.x'],
      }),
    );
    expect([{ ...headers }, key, hasBody, replyTo]).toEqual([
      { 'message-id': '7', constructor: 'b' },
      'k',
      false,
      '_INBOX.x',
    ]);
    expect(readHeaders({ subject: 's', data: new Uint8Array() })).toMatchObject({ key: undefined, hasBody: true });
    const broken = {
      subject: 's',
      data: new Uint8Array(),
      get headers(): never {
        throw new Error('bad header');
      },
    };
    expect(readHeaders(broken)).toMatchObject({ key: undefined, hasBody: true });
  });

  it('say one id where both are there: the one that a driver wrote beside a name made unique', () => {
    const both = received({ 'Nats-Msg-Id': ['topic/7'], 'message-id': ['7'] });
    expect(readHeaders(both).headers['message-id']).toBe('7');
  });
});

describe('what a consumer remembers', () => {
  it('is a note of attempts that is read back, bounded, without what is settled, and total', () => {
    const attempts = new Map([
      [3, 2],
      [17, 3],
      [20, 2],
    ]);
    expect(noteOf(attempts, 5)).toBe('17=3,20=2');
    expect([...attemptsIn('17=3,20=2')]).toEqual([
      [17, 3],
      [20, 2],
    ]);
    for (const text of [undefined, '', 'x', '1=', '=1', '1=2=3', ',,', '99999999999999999=1'])
      expect(attemptsIn(text).size).toBe(0);
    const many = new Map(Array.from({ length: 5_000 }, (_, n) => [n + 1, 2]));
    expect(attemptsIn(noteOf(many, 0)).size).toBe(1_000);
  });

  it('is at least the last thousand messages that it has done', () => {
    const done = new RecentlyDone();
    for (let sequence = 1; sequence <= 10_000; sequence++) done.add({ sequence } as SettledMark);
    expect([done.has(10_000), done.has(9_001), done.has(1)]).toEqual([true, true, false]);
    const all = [...done.all()];
    expect(all.length).toBeLessThanOrEqual(2_048);
    expect(all.at(-1)?.sequence).toBe(10_000);
    done.clear();
    expect(done.has(10_000)).toBe(false);
  });
});
