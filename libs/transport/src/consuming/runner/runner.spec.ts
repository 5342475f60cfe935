import {
  Delivery,
  Notices,
  TransportError,
  WIRE_HEADERS,
  type Codec,
  type Headers,
  type NoticeName,
  type OutgoingMessage,
  type SendResult,
  type Settlement,
} from '../../contract/index.js';
import { jsonCodec } from '../../shared/index.js';
import { ManualClock } from '../../testing/manual-clock.js';
import { resolveConsumingOptions, type ConsumingOptions } from '../consuming-options.js';
import { DeadLetters } from '../dead-letter/dead-letter.js';
import { DeadLetter, Drop, RetryAfter } from './outcomes.js';
import type { Classifier } from '../retry/classification.js';
import type { Handler } from './handler.js';
import type { Refusal, Route } from './route.js';
import { defaultUnknownTypePolicy, routerOf } from './routing.js';
import { SubscriptionRunner } from './runner.js';

class FakeDelivery extends Delivery {
  settlement: Settlement | undefined;
  readonly publishedAt = undefined;
  readonly raw = undefined;
  #stream: number | undefined;

  constructor(
    readonly offset: string,
    key: string | undefined,
    body: Buffer | null,
    readonly headers: Headers = {},
    stream?: number,
  ) {
    super('orders', 'inventory', key, body, 1, stream ?? 0);
    this.#stream = stream;
  }

  override get stream(): number | undefined {
    return this.#stream;
  }

  suspected = 0;

  override get suspicion(): number {
    return this.suspected;
  }

  /** Every message that it was given with counts the same deliveries. */
  suspect(deliveries: number): this {
    this.suspected = deliveries - 1;
    this.attempt = deliveries;
    return this;
  }

  header(name: string): string | undefined {
    return this.headers[name];
  }

  protected settled(settlement: Settlement): void {
    this.settlement = settlement;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A suspect starts in the turn after it may. */
const fewTurns = async (): Promise<void> => {
  for (let count = 0; count < 5; count++) await turn();
};

/** A handler that tests let go on, message by message. */
class Gate {
  readonly started: string[] = [];
  readonly #open = new Map<string, { resolve: () => void; reject: (error: unknown) => void }>();

  readonly handle: Handler = (_, delivery) => {
    const name = `${delivery.key ?? '-'}${delivery.offset}`;
    this.started.push(name);
    return new Promise<void>((resolve, reject) => this.#open.set(name, { resolve, reject }));
  };

  async finish(name: string, error?: unknown): Promise<void> {
    const waiting = this.#open.get(name);
    if (waiting === undefined) throw new Error(`${name} is not running; started: ${this.started.join(' ')}`);
    this.#open.delete(name);
    if (error === undefined) waiting.resolve();
    else waiting.reject(error);
    await turn();
  }
}

/** A handler that keeps the payloads it was given. */
function recorder(): { readonly calls: unknown[]; readonly handle: Handler } {
  const calls: unknown[] = [];
  return { calls, handle: (payload) => void calls.push(payload) };
}

interface Setup {
  readonly options?: ConsumingOptions;
  readonly routes?: readonly Route[];
  readonly handle?: Handler;
  readonly send?: (messages: readonly OutgoingMessage[]) => Promise<readonly SendResult[]>;
  readonly nativeRedelivery?: boolean;
  readonly codec?: Codec;
  readonly classify?: Classifier;
  readonly refuse?: Refusal;
}

function setUp({
  options = {},
  handle = () => undefined,
  routes,
  send,
  nativeRedelivery = false,
  codec = jsonCodec,
  classify,
  refuse,
}: Setup = {}) {
  const clock = new ManualClock();
  const notices = new Notices();
  const seen: [NoticeName, Record<string, unknown>][] = [];
  for (const name of [
    'message:acked',
    'message:retry-scheduled',
    'message:dropped',
    'message:dead-lettered',
    'message:dead-letter-failed',
    'settlement:failed',
    'settlement:ignored',
  ] as const) {
    notices.on(name, (notice) => seen.push([name, notice as never]));
  }
  const sent: OutgoingMessage[] = [];
  const store =
    send ??
    ((messages) => Promise.resolve(messages.map(({ id, topic }) => ({ id, topic, partition: 0, offset: '0' }))));
  const producer = {
    maxBytes: 1e6,
    maxRequestBytes: 1e6,
    check: () => undefined,
    send: (messages: readonly OutgoingMessage[]) => (sent.push(...messages), store(messages)),
  };
  const all = routes ?? [{ type: 'orders', schema: undefined, handle }];
  const resolved = resolveConsumingOptions('test', options);
  const runner = new SubscriptionRunner(
    {
      broker: 'default',
      topic: 'orders',
      group: 'inventory',
      options: resolved,
      unknownType: resolved.unknownType ?? defaultUnknownTypePolicy('orders', all),
      deadLetterTopic: resolved.deadLetterTopic === false ? undefined : 'orders.inventory.dead-letter',
      nativeRedelivery,
      leavesDeadLetters: false,
      route: routerOf(all, codec),
      refuse,
    },
    {
      clock,
      notices,
      deadLetters: new DeadLetters(producer),
      classify,
      random: () => 0.5,
    },
  );
  return { runner, clock, seen, sent, names: () => seen.map(([name]) => name) };
}

let offset = 0;
const deliver = (key?: string, payload: unknown = {}, headers?: Headers, stream?: number): FakeDelivery =>
  new FakeDelivery(String(offset++), key, Buffer.from(JSON.stringify(payload)), headers, stream);
const name = (delivery: FakeDelivery): string => `${delivery.key ?? '-'}${delivery.offset}`;

beforeEach(() => {
  offset = 0;
});

describe('lanes', () => {
  it('run one message of a key at a time, and other keys beside it', async () => {
    const gate = new Gate();
    const { runner } = setUp({ handle: gate.handle });
    const [a0, a1, b2] = [deliver('a'), deliver('a'), deliver('b')];
    void runner.receive([a0, a1, b2]);
    expect(gate.started).toEqual(['a0', 'b2']);
    await gate.finish('a0');
    expect(gate.started).toEqual(['a0', 'b2', 'a1']);
  });

  it('never run more than concurrency at once, and take waiting keys in turn', async () => {
    const gate = new Gate();
    const { runner } = setUp({ handle: gate.handle, options: { concurrency: 2 } });
    void runner.receive(['a', 'a', 'b', 'c'].map((key) => deliver(key)));
    expect(gate.started).toEqual(['a0', 'b2']);
    await gate.finish('a0');
    expect(gate.started).toEqual(['a0', 'b2', 'c3']);
    await gate.finish('b2');
    expect(gate.started).toEqual(['a0', 'b2', 'c3', 'a1']);
  });

  it('keep the order of a stream for messages without a key, where the broker has one', async () => {
    const gate = new Gate();
    const { runner } = setUp({ handle: gate.handle });
    void runner.receive([deliver(undefined, {}, {}, 7), deliver(undefined, {}, {}, 7), deliver(undefined, {}, {}, 8)]);
    expect(gate.started).toEqual(['-0', '-2']);
  });

  it('keep no order for ordering none', () => {
    const gate = new Gate();
    const { runner } = setUp({ handle: gate.handle, options: { ordering: 'none' } });
    void runner.receive([deliver('a'), deliver('a')]);
    expect(gate.started).toEqual(['a0', 'a1']);
  });

  it('keep the order of a partition for ordering partition, whatever the key', () => {
    const gate = new Gate();
    const { runner } = setUp({ handle: gate.handle, options: { ordering: 'partition' } });
    void runner.receive([deliver('a', {}, {}, 1), deliver('b', {}, {}, 1), deliver('c', {}, {}, 2)]);
    expect(gate.started).toEqual(['a0', 'c2']);
  });
});

describe('a pause', () => {
  it('begins no handler and takes nothing more, lets those that run end, and goes on in order', async () => {
    const gate = new Gate();
    const { runner } = setUp({ handle: gate.handle });
    void runner.receive([deliver('a'), deliver('a')]);
    const resume = runner.pause('the supplier is away');
    const still = runner.untilStill();
    const taken = runner.receive([deliver('b')]);
    expect(runner.pauseReasons).toEqual(['the supplier is away']);
    await gate.finish('a0');
    await still;
    expect(gate.started).toEqual(['a0']);
    expect(runner.inFlight).toBe(1);

    resume();
    await taken;
    expect(gate.started).toEqual(['a0', 'a1', 'b2']);
    expect(runner.pauseReasons).toEqual([]);
  });

  it('ends when the last of several ends', () => {
    const gate = new Gate();
    const { runner } = setUp({ handle: gate.handle });
    const [first, second] = [runner.pause('first'), runner.pause('second')];
    void runner.receive([deliver('a')]);
    first();
    first();
    expect(runner.pauseReasons).toEqual(['second']);
    expect(gate.started).toEqual([]);
    second();
    expect(runner.pauseReasons).toEqual([]);
  });

  it('does not hold up a drain: what waits stays unsettled', async () => {
    const gate = new Gate();
    const { runner } = setUp({ handle: gate.handle });
    void runner.receive([deliver('a'), deliver('a')]);
    runner.pause('for good');
    await gate.finish('a0');
    await runner.drain();
    expect(gate.started).toEqual(['a0']);
    expect(runner.inFlight).toBe(1);
  });
});

describe('a handler that fails', () => {
  it('is a dead letter at once for an error that no attempt can mend, and after the deadline', async () => {
    class Broken extends Error {}
    const gate = new Gate();
    const retry = { neverFor: [Broken], deadlineMs: 150, maxAttempts: 9 };
    const { runner, clock, names } = setUp({ handle: gate.handle, options: { retry } });
    void runner.receive([deliver('a'), deliver('b')]);
    await gate.finish('a0', new Broken('for ever'));
    expect(names()).toEqual(['message:dead-lettered']);

    await gate.finish('b1', new Error('again'));
    clock.advance(100);
    await gate.finish('b1', new Error('again'));
    expect(names()).toEqual(['message:dead-lettered', 'message:retry-scheduled', 'message:dead-lettered']);
  });

  it('parks its key alone until the delay is over, and then goes on in order', async () => {
    const gate = new Gate();
    const { runner, clock } = setUp({ handle: gate.handle });
    const [a0, a1, b2] = [deliver('a'), deliver('a'), deliver('b')];
    void runner.receive([a0, a1, b2]);
    await gate.finish('a0', new Error('database is down'));
    await gate.finish('b2');
    expect(a0).toMatchObject({ state: 'parked', attempt: 2, settlement: undefined });
    clock.advance(99);
    expect(gate.started).toEqual(['a0', 'b2']);
    clock.advance(1);
    expect(gate.started).toEqual(['a0', 'b2', 'a0']);
    await gate.finish('a0');
    expect(gate.started).toEqual(['a0', 'b2', 'a0', 'a1']);
    expect(a0.settlement).toEqual({ kind: 'ack' });
  });

  it('of a message that came far more often than it may be tried ends in a dead letter, without a handler call', async () => {
    const { calls, handle } = recorder();
    const { runner, sent } = setUp({ handle, options: { retry: { maxAttempts: 3 } }, nativeRedelivery: true });
    const [bystander, poison] = [deliver(), deliver(undefined, { n: 1 })];
    bystander.attempt = 13; // fetched by processes that ended before they began with it
    poison.attempt = 14;
    void runner.receive([bystander, poison]);
    await turn();
    expect(calls).toEqual([{}]);
    expect([bystander.settlement?.kind, poison.settlement?.kind]).toEqual(['ack', 'reject']);
    expect(sent[0]?.headers).toMatchObject({
      'dead-letter-attempts': '14',
      'dead-letter-error-message': expect.stringMatching(/14 times \(limit 3: .*TRANSPORT_ATTEMPTS_EXHAUSTED/),
    });
  });

  it('has room for the attempts of all tiers before it counts as one without an end', async () => {
    const { calls, handle } = recorder();
    const retry = { maxAttempts: 3, redeliveryDelaysMs: [60_000, 600_000] };
    const options = { ordering: 'none', retry } as const;
    const { runner, sent } = setUp({ handle, options, nativeRedelivery: true });
    const [bystander, poison] = [deliver(), deliver()];
    bystander.attempt = 19;
    poison.attempt = 20;
    void runner.receive([bystander, poison]);
    await turn();
    expect(calls).toHaveLength(1);
    expect([bystander.settlement?.kind, poison.settlement?.kind]).toEqual(['ack', 'reject']);
    expect(sent[0]?.headers).toMatchObject({
      'dead-letter-error-message': expect.stringMatching(
        /20 times \(limit 9: .*each wait of retry.redeliveryDelaysMs\)/,
      ),
    });
  });

  const giveUp: Handler = () => {
    throw new DeadLetter('no');
  };

  it('becomes a dead letter without its body where letter and body together are too large, and says so', async () => {
    const send = (messages: readonly OutgoingMessage[]): Promise<readonly SendResult[]> =>
      Promise.resolve(
        messages.map(({ id, topic, body }) =>
          (body?.length ?? 0) > 10
            ? new TransportError('TRANSPORT_MESSAGE_TOO_LARGE', 'too large.', { stored: 'no' })
            : { id, topic, partition: 0, offset: '0' },
        ),
      );
    const { runner, sent, seen } = setUp({ handle: giveUp, send });
    const large = deliver('a', 'x'.repeat(100), { tenant: 'blue' });
    void runner.receive([large]);
    await turn();
    expect(large.settlement?.kind).toBe('reject');
    expect(sent.map(({ body }) => body?.length)).toEqual([102, 0]);
    expect(sent[1]?.headers).toMatchObject({ 'dead-letter-omitted-bytes': '102', 'dead-letter-offset': '0' });
    expect(sent[1]?.headers).not.toHaveProperty('tenant');
    expect(seen.at(-1)).toEqual(['message:dead-lettered', expect.objectContaining({ isBodyOmitted: true })]);
  });

  it('is counted as waiting while its dead letter cannot be stored', async () => {
    let isAway = true;
    const send = (messages: readonly OutgoingMessage[]): Promise<readonly SendResult[]> =>
      Promise.resolve(
        messages.map(({ id, topic }) =>
          isAway
            ? new TransportError('TRANSPORT_BROKER_UNREACHABLE', 'away.', { stored: 'no', retryable: true })
            : { id, topic, partition: 0, offset: '0' },
        ),
      );
    const { runner, clock } = setUp({ handle: giveUp, send });
    void runner.receive([deliver('a')]);
    await turn();
    expect(runner.waitingCopies).toBe(1);
    isAway = false;
    clock.advance(5_000);
    await turn();
    expect(runner.waitingCopies).toBe(0);
  });

  it('becomes a dead letter after its last attempt, stored before it is settled', async () => {
    let confirm: (results: readonly SendResult[]) => void = () => undefined;
    const { runner, clock, sent, names } = setUp({
      handle: () => Promise.reject(new RangeError('no such sku\r\nX-Forged: 1')),
      options: { retry: { maxAttempts: 3 } },
      send: () => new Promise((resolve) => (confirm = resolve)),
    });
    const poison = new FakeDelivery('0', 'a', Buffer.from('{"n":1}'), {
      [WIRE_HEADERS.id]: 'id-1',
      tenant: 't',
      'dead-letter-group': 'forged',
    });
    void runner.receive([poison]);
    await turn();
    clock.advance(100);
    await turn();
    clock.advance(200);
    await turn();
    expect(poison.settlement).toBeUndefined();
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({
      topic: 'orders.inventory.dead-letter',
      key: 'a',
      id: 'id-1',
      body: Buffer.from('{"n":1}'),
    });
    expect(sent[0]?.headers).toEqual({
      'message-id': 'id-1',
      tenant: 't',
      'dead-letter-topic': 'orders',
      'dead-letter-partition': '0',
      'dead-letter-offset': '0',
      'dead-letter-key': 'a',
      'dead-letter-group': 'inventory',
      'dead-letter-attempts': '3',
      'dead-letter-first-failed-at': '2026-01-01T00:00:00.000Z',
      'dead-letter-last-failed-at': '2026-01-01T00:00:00.300Z',
      'dead-letter-error-name': 'RangeError',
      'dead-letter-error-message': 'no such sku X-Forged: 1',
    });
    confirm([{ id: 'id-1', topic: 'x', partition: 0, offset: '0' }]);
    await turn();
    expect(poison.settlement?.kind).toBe('reject');
    expect(names()).toEqual(['message:retry-scheduled', 'message:retry-scheduled', 'message:dead-lettered']);
    expect(runner.inFlight).toBe(0);
  });

  it('whose dead letter cannot be stored stays unsettled, holds its key, says so, and is stored later', async () => {
    const refusal = new TransportError('TRANSPORT_PUBLISH_FAILED', 'topic is missing.', { stored: 'no' });
    let broken = true;
    const { runner, clock, names } = setUp({
      handle: (_, delivery) => (delivery.offset === '0' ? Promise.reject(new DeadLetter('never')) : undefined),
      send: (messages) =>
        Promise.resolve(messages.map(({ id, topic }) => (broken ? refusal : { id, topic, partition: 0, offset: '0' }))),
    });
    const [poison, successor] = [deliver('a'), deliver('a')];
    void runner.receive([poison, successor]);
    await turn();
    expect([poison.settlement, successor.settlement]).toEqual([undefined, undefined]);
    expect(names()).toEqual(['message:dead-letter-failed']);
    broken = false;
    clock.advance(2_000);
    await turn();
    expect([poison.settlement?.kind, successor.settlement?.kind]).toEqual(['reject', 'ack']);
  });

  it('is asked again on the broker, when it keeps no order and the broker can', async () => {
    const { runner } = setUp({ handle: () => Promise.reject(new RetryAfter(1_234)), nativeRedelivery: true });
    const delivery = deliver();
    void runner.receive([delivery]);
    await turn();
    expect(delivery.settlement).toEqual({ kind: 'nack', delayMs: 1_234 });
  });

  it('is given back for the long wait at the end of a tier, and keeps no place here meanwhile', async () => {
    const retry = { maxAttempts: 2, redeliveryDelaysMs: [60_000] };
    const { runner, clock } = setUp({
      handle: () => Promise.reject(new Error('the database is down')),
      options: { ordering: 'none', retry },
      nativeRedelivery: true,
    });
    const ends: Settlement[] = [];
    for (const attempt of [1, 2, 3, 4]) {
      const delivery = deliver('a');
      delivery.attempt = attempt;
      void runner.receive([delivery]);
      await turn();
      if (delivery.settlement !== undefined) ends.push(delivery.settlement);
    }
    expect(ends).toMatchObject([
      { kind: 'nack', delayMs: 100 },
      { kind: 'nack', delayMs: 60_000 },
      { kind: 'nack', delayMs: 100 },
      { kind: 'reject' },
    ]);
    expect([runner.inFlight, clock.pending]).toEqual([0, 0]);
  });

  it('has one deadline, however often its message comes again from the broker', async () => {
    const retry = { deadlineMs: 3_500, maxAttempts: 8 };
    const { runner, clock } = setUp({
      handle: () => Promise.reject(new RetryAfter(1_000)),
      options: { ordering: 'none', retry },
      nativeRedelivery: true,
    });
    const ends: (string | undefined)[] = [];
    for (const attempt of [1, 2, 3, 4]) {
      const delivery = deliver('a', {}, { 'message-id': 'm-1' });
      delivery.attempt = attempt;
      void runner.receive([delivery]);
      await turn();
      ends.push(delivery.settlement?.kind);
      clock.advance(1_000);
    }
    expect(ends).toEqual(['nack', 'nack', 'nack', 'reject']);
  });

  it('with Drop is settled as done and told, and nothing is stored', async () => {
    const { runner, seen, sent } = setUp({ handle: () => Promise.reject(new Drop('test order')) });
    const delivery = deliver('a');
    void runner.receive([delivery]);
    await turn();
    expect(delivery.settlement?.kind).toBe('ack');
    expect(sent).toEqual([]);
    expect(seen).toEqual([['message:dropped', expect.objectContaining({ reason: 'test order' })]]);
  });

  it('by throwing at once is treated like one that rejects', async () => {
    const { runner, names } = setUp({
      handle: () => {
        throw new Error('at once');
      },
    });
    void runner.receive([deliver('a')]);
    await turn();
    expect(names()).toEqual(['message:retry-scheduled']);
  });

  it.each([
    ['an error whose message is no text', Object.assign(new Error('x'), { message: ['sku must be a text'] })],
    ['an error whose name is no text', Object.assign(new Error('x'), { name: 7 })],
    ['something without a text', Object.create(null)],
    ['nothing', undefined],
  ])('by throwing %s becomes a dead letter like any other', async (_, thrown) => {
    const { runner, names } = setUp({
      handle: () => Promise.reject(thrown as Error),
      options: { retry: { maxAttempts: 1 } },
    });
    void runner.receive([deliver('a')]);
    await turn();
    expect([names(), runner.inFlight]).toEqual([['message:dead-lettered'], 0]);
  });

  describe('whatever its error is made of, is tried maxAttempts times and becomes a dead letter', () => {
    const trap = (): never => {
      throw new Error('trap');
    };
    const { proxy: revoked, revoke } = Proxy.revocable(new Error('x'), {});
    revoke();
    class Odd {
      static [Symbol.hasInstance](value: unknown): boolean {
        return value instanceof Error && value.message === '' ? false : trap();
      }
    }
    const throwing = (name: string): Error => Object.defineProperty(new Error('x'), name, { get: trap });

    it.each<[string, unknown, Setup]>([
      ['a message that throws', throwing('message'), {}],
      ['a name that throws', throwing('name'), {}],
      ['a cause that throws', throwing('cause'), {}],
      ['a Proxy whose traps throw', new Proxy({}, { get: trap, getPrototypeOf: trap }), {}],
      ['a revoked Proxy', revoked, {}],
      ['a neverFor that throws', new Error('x'), { options: { retry: { neverFor: [Odd] } } }],
      ['a classifier that throws', new Error('x'), { classify: trap }],
      ['a RetryAfter without a delay', Object.assign(new RetryAfter(1), { delayMs: Number.NaN }), {}],
    ])('%s', async (_, thrown, setup) => {
      let calls = 0;
      const handle = (): Promise<void> => {
        calls++;
        return Promise.reject(thrown as Error);
      };
      const retry = { maxAttempts: 3, initialDelayMs: 10, ...setup.options?.retry };
      const { runner, clock, names, sent } = setUp({ ...setup, handle, options: { concurrency: 1, retry } });
      void runner.receive([deliver('a')]);
      for (let turns = 0; turns < 10; turns++) {
        await turn();
        clock.advance(5_000);
      }
      expect(names().at(-1)).toBe('message:dead-lettered');
      expect([calls, runner.inFlight, sent.length]).toEqual([3, 0, 1]);
      expect(sent[0]?.headers?.['dead-letter-error-message']).toEqual(expect.any(String));
    });
  });

  it('and whose settlement the driver cannot send is reported, and the worker goes on', async () => {
    const { runner, names } = setUp({ options: { concurrency: 1 } });
    const [odd, good] = [deliver('a'), deliver('b')];
    Object.defineProperty(odd, 'settled', {
      value: () => {
        throw new Error('the channel is closed');
      },
    });
    void runner.receive([odd, good]);
    await turn();
    expect(names()).toContain('settlement:failed');
    expect([good.settlement?.kind, runner.inFlight]).toEqual(['ack', 0]);
  });

  it('becomes one dead letter though its requester cannot be answered', async () => {
    const refuse = (): never => {
      throw new Error('the logger is broken');
    };
    const { runner, clock, names, sent } = setUp({ handle: () => Promise.reject(new DeadLetter('x')), refuse });
    void runner.receive([deliver('a')]);
    await turn();
    clock.advance(10_000);
    await turn();
    expect([names(), sent.length, runner.inFlight]).toEqual([['message:dead-lettered'], 1, 0]);
  });

  it('says in its dead letter what explains the failure', async () => {
    const error = Object.assign(new Error('Bad Request Exception'), {
      getResponse: () => ({ message: ['n must be an integer'] }),
    });
    error.cause = new TypeError('n is a text');
    const { runner, sent } = setUp({ handle: () => Promise.reject(error), options: { retry: { maxAttempts: 1 } } });
    void runner.receive([deliver('a')]);
    await turn();
    expect(sent[0]?.headers?.['dead-letter-error-message']).toBe(
      'Bad Request Exception: n must be an integer; caused by TypeError: n is a text',
    );
  });

  it('has its deadline measured by the monotonic clock, whatever becomes of the time of day', async () => {
    const { runner, clock, names } = setUp({
      handle: () => Promise.reject(new RetryAfter(10)),
      options: { retry: { deadlineMs: 1_000, maxAttempts: 9 } },
    });
    let dayMs = clock.now();
    clock.now = () => (dayMs += 3_600_000);
    void runner.receive([deliver('a')]);
    await turn();
    clock.advance(10);
    await turn();
    expect(names()).toEqual(['message:retry-scheduled', 'message:retry-scheduled']);
  });

  it('waits, and takes no worker with it, when its failure cannot be dealt with', async () => {
    const { runner, clock, names } = setUp({
      handle: () => Promise.reject(new DeadLetter('x')),
      options: { concurrency: 1 },
    });
    const [odd, good] = [deliver('a'), deliver('b')];
    let isBroken = true;
    Object.defineProperty(odd, 'header', { value: () => undefined });
    Object.defineProperty(odd, 'headers', {
      get: () => {
        if (isBroken) throw new Error('headers are broken');
        return {};
      },
    });
    void runner.receive([odd, good]);
    await turn();
    expect(names()).toEqual(['message:retry-scheduled', 'message:dead-lettered']);
    isBroken = false;
    clock.advance(1_000);
    await turn();
    expect(names().slice(2)).toEqual(['message:dead-lettered']);
  });

  it('is discarded, and told, when dead letters are switched off by name', async () => {
    const { runner, sent, seen } = setUp({
      handle: () => Promise.reject(new DeadLetter('x')),
      options: { deadLetterTopic: false },
    });
    const delivery = deliver('a');
    void runner.receive([delivery]);
    await turn();
    expect(delivery.settlement?.kind).toBe('reject');
    expect(sent).toEqual([]);
    expect(seen[0]).toEqual([
      'message:dropped',
      expect.objectContaining({ reason: expect.stringContaining('switched off') }),
    ]);
  });
});

describe('a message that cannot be read', () => {
  it.each([
    ['empty', Buffer.alloc(0), {}, 'it is empty'],
    ['not JSON', Buffer.from('order 17'), {}, 'is not JSON'],
    [
      'of another content type',
      Buffer.from('{}'),
      { 'content-type': 'application/avro' },
      'written as "application/avro"',
    ],
  ])('because it is %s never reaches the handler and is not retried', async (_, body, headers, reason) => {
    const { calls, handle } = recorder();
    const { runner, sent, names } = setUp({ handle });
    const [bad, good] = [new FakeDelivery('0', 'a', body, headers), deliver('a')];
    void runner.receive([bad, good]);
    await turn();
    expect(calls).toHaveLength(1);
    expect(names()).toEqual(['message:dead-lettered', 'message:acked']);
    expect(sent[0]?.body).toBe(body);
    expect(sent[0]?.headers?.['dead-letter-error-message']).toContain(reason);
  });

  it('because a codec of somebody else throws its own error is not retried either', async () => {
    const { runner, names } = setUp({ codec: { ...jsonCodec, decode: () => Buffer.alloc(0).readUInt8(1) } });
    void runner.receive([deliver('a')]);
    await turn();
    expect(names()).toEqual(['message:dead-lettered']);
  });

  it('because its codec found out later is not retried either, and the next of its key waits for that', async () => {
    const { calls, handle } = recorder();
    const decode = async (body: Buffer): Promise<unknown> => {
      await turn();
      return jsonCodec.decode(body);
    };
    const { runner, names } = setUp({ handle, codec: { ...jsonCodec, decode } });
    const bad = new FakeDelivery('0', 'a', Buffer.from('{'));
    void runner.receive([bad, deliver('a')]);
    for (let turns = 0; turns < 4; turns++) await turn();
    expect(names()).toEqual(['message:dead-lettered', 'message:acked']);
    expect(calls).toHaveLength(1);
  });

  it('because it breaks its schema names the field', async () => {
    const schema = {
      '~standard': {
        version: 1,
        vendor: 't',
        validate: () => ({ issues: [{ message: 'expected text', path: ['sku'] }] }),
      },
    } as const;
    const { runner, sent } = setUp({ routes: [{ type: 'orders', schema, handle: () => undefined }] });
    void runner.receive([deliver('a')]);
    await turn();
    expect(sent[0]?.headers?.['dead-letter-error-message']).toContain('event "orders": sku: expected text');
  });

  it('is the handler’s own business when it is a tombstone', async () => {
    const { calls, handle } = recorder();
    const { runner } = setUp({ handle });
    void runner.receive([new FakeDelivery('0', 'a', null)]);
    await turn();
    expect(calls).toEqual([null]);
  });

  it('is checked against an asynchronous schema too', async () => {
    const schema = {
      '~standard': {
        version: 1,
        vendor: 't',
        validate: (value: unknown) => Promise.resolve({ value: { seen: value } }),
      },
    } as const;
    const { calls, handle } = recorder();
    const { runner } = setUp({ routes: [{ type: 'orders', schema, handle }] });
    const delivery = deliver('a', 1);
    void runner.receive([delivery]);
    await turn();
    expect(calls).toEqual([{ seen: 1 }]);
    expect(delivery.settlement?.kind).toBe('ack');
  });
});

describe('types', () => {
  const typed = (type: string): FakeDelivery => deliver('a', {}, { [WIRE_HEADERS.type]: type });
  const routes = (handled: string[]): Route[] =>
    ['created', 'paid'].map((type) => ({ type, schema: undefined, handle: () => void handled.push(type) }));

  it('go to their own handler, in the order of the topic', async () => {
    const handled: string[] = [];
    const { runner } = setUp({ routes: routes(handled) });
    void runner.receive([typed('paid'), typed('created'), typed('paid')]);
    await turn();
    expect(handled).toEqual(['paid', 'created', 'paid']);
  });

  it.each([
    ['ignore', 'ack', 0, ['message:dropped']],
    ['dead-letter', 'reject', 1, ['message:dead-lettered']],
    ['fail', undefined, 0, ['message:retry-scheduled']],
  ] as const)('that nobody takes go by policy: %s', async (unknownType, settled, copies, notices) => {
    const { runner, sent, names } = setUp({ routes: routes([]), options: { unknownType } });
    const unknown = typed('refunded');
    void runner.receive([unknown]);
    await turn();
    expect(unknown.settlement?.kind).toBe(settled);
    expect(sent).toHaveLength(copies);
    expect(names()).toEqual(notices);
  });
});

describe('intake', () => {
  it('holds at most maxInFlightBytes in an outage of all keys, and takes the rest as messages get their end', async () => {
    let isAway = true;
    const handle = () => (isAway ? Promise.reject(new Error('away')) : undefined);
    const options = { maxInFlightBytes: 10_000, retry: { maxAttempts: 1_000, initialDelayMs: 100, maxDelayMs: 100 } };
    const { runner, clock } = setUp({ handle, options });
    const text = 'x'.repeat(998);
    const taken = runner.receive(Array.from({ length: 50 }, (_, n) => deliver(`key-${n}`, text)));
    await turn();
    expect(runner.inFlight).toBe(10);
    for (let tries = 0; tries < 20; tries++) {
      clock.advance(100);
      await turn();
    }
    expect(runner.inFlight).toBe(10);
    isAway = false;
    for (let tries = 0; tries < 20; tries++) {
      clock.advance(100);
      await turn();
    }
    await taken;
    expect(runner.inFlight).toBe(0);
  });

  it('goes on with other keys in an outage of one key, until that key holds maxInFlightBytes', async () => {
    const handled: string[] = [];
    const handle: Handler = (_, { key = '' }) =>
      key === 'bad' ? Promise.reject(new Error('away')) : void handled.push(key);
    const options = { maxInFlightBytes: 10_000, retry: { maxAttempts: 1_000, initialDelayMs: 100, maxDelayMs: 100 } };
    const { runner } = setUp({ handle, options });
    const text = 'x'.repeat(998);
    void runner.receive(Array.from({ length: 18 }, (_, n) => deliver(n % 2 === 0 ? 'bad' : `good-${n}`, text)));
    await turn();
    expect([runner.inFlight, handled.length]).toEqual([9, 9]);
    void runner.receive(Array.from({ length: 4 }, (_, n) => deliver(n % 2 === 0 ? 'bad' : `good-${n}`, text)));
    await turn();
    expect([runner.inFlight, handled.length]).toEqual([10, 9]);
  });

  it('takes one message that is larger than maxInFlightBytes', async () => {
    const { calls, handle } = recorder();
    const { runner } = setUp({ handle, options: { maxInFlightBytes: 10 } });
    await runner.receive([deliver('a', 'x'.repeat(100)), deliver('b', 'y'.repeat(100))]);
    await turn();
    expect(calls).toHaveLength(2);
  });

  it('asks to wait at maxInFlight and takes more at the low mark', async () => {
    const gate = new Gate();
    const { runner } = setUp({ handle: gate.handle, options: { concurrency: 2, maxInFlight: 4 } });
    let resolved = false;
    const enough = runner.receive(['a', 'b', 'c', 'd', 'e'].map((key) => deliver(key))) as Promise<void>;
    void enough.then(() => (resolved = true));
    expect(runner.inFlight).toBe(4);
    await gate.finish('a0');
    expect([runner.inFlight, resolved]).toEqual([3, false]);
    await gate.finish('b1');
    expect([runner.inFlight, resolved]).toEqual([3, true]);
  });

  it('does not count parked messages nor those behind them, so that poison does not stop the others', async () => {
    const { runner } = setUp({
      handle: (_, { key }) => (key === 'bad' ? Promise.reject(new Error('x')) : undefined),
      options: { concurrency: 1, maxInFlight: 2 },
    });
    const good = deliver('good');
    await runner.receive([deliver('bad'), deliver('bad'), deliver('bad'), deliver('bad'), good]);
    await turn();
    expect(good.settlement?.kind).toBe('ack');
    expect(runner.inFlight).toBe(4);
  });

  it('of several streams may wait at once, and none is forgotten', async () => {
    const gate = new Gate();
    const { runner } = setUp({ handle: gate.handle, options: { concurrency: 1, maxInFlight: 1 } });
    const waits = ['a', 'b', 'c', 'd'].map((key) => Promise.resolve(runner.receive([deliver(key)])));
    for (const started of ['a0', 'b1', 'c2', 'd3']) {
      await gate.finish(started);
    }
    await Promise.all(waits);
    expect(runner.inFlight).toBe(0);
  });
});

describe('revoked deliveries', () => {
  it('do not start, and those that run settle nothing', async () => {
    const gate = new Gate();
    const { runner, names } = setUp({ handle: gate.handle, options: { concurrency: 1 } });
    const [running, queued, other] = [deliver('a'), deliver('a'), deliver('b')];
    void runner.receive([running, queued, other]);
    running.revoke();
    queued.revoke();
    runner.revoked();
    await gate.finish('a0');
    expect(gate.started).toEqual(['a0', 'b2']);
    expect(running.settlement).toBeUndefined();
    expect(names()).toEqual(['settlement:ignored']);
    await gate.finish('b2');
    expect(runner.inFlight).toBe(0);
  });

  it('that were parked are let go at once, timers and all', async () => {
    const { runner, clock } = setUp({ handle: () => Promise.reject(new Error('x')) });
    const delivery = deliver('a');
    void runner.receive([delivery]);
    await turn();
    expect([clock.pending, runner.inFlight]).toEqual([1, 1]);
    delivery.revoke();
    runner.revoked();
    await turn();
    expect([clock.pending, runner.inFlight]).toEqual([0, 0]);
  });
});

describe('messages whose processes ended without a word', () => {
  const suspects = (deliveries: number) => ['a', 'b', 'c'].map((key) => deliver(key).suspect(deliveries));

  it('run alone, one at a time, before anything new', async () => {
    const gate = new Gate();
    const { runner, clock } = setUp({ handle: gate.handle, nativeRedelivery: true });
    const [first, second, third] = suspects(3) as [FakeDelivery, FakeDelivery, FakeDelivery];
    const other = deliver('d');
    void runner.receive([first, second, third, other]);
    clock.advance(1_000);
    for (let count = 1; count <= 3; count++) {
      await fewTurns();
      expect(gate.started).toHaveLength(count);
      await gate.finish(gate.started.at(-1) as string);
    }
    await turn();
    expect([...gate.started.slice(0, 3)].sort()).toEqual([first, second, third].map(name));
    expect(gate.started.slice(3)).toEqual([name(other)]);
  });

  it('run beside others after a single end: it proves nothing', async () => {
    const gate = new Gate();
    const { runner } = setUp({ handle: gate.handle, nativeRedelivery: true });
    void runner.receive(suspects(2));
    await turn();
    expect(gate.started).toHaveLength(3);
  });

  it('are handled, however often they were delivered with one that ends its process; only the last is a dead letter', async () => {
    const { calls, handle } = recorder();
    const { runner, clock, sent } = setUp({ handle, nativeRedelivery: true, options: { retry: { maxAttempts: 3 } } });
    void runner.receive(suspects(9));
    for (let seconds = 0; seconds < 5; seconds++) {
      clock.advance(1_000);
      await turn();
    }
    expect([calls.length, sent.length, runner.inFlight]).toEqual([2, 1, 0]);
  });

  it('are no dead letters before others that were with the same process had the time to come, and are handled', async () => {
    const { calls, handle } = recorder();
    const { runner, clock, sent } = setUp({ handle, nativeRedelivery: true, options: { retry: { maxAttempts: 3 } } });
    const [first, second] = suspects(9) as [FakeDelivery, FakeDelivery];
    void runner.receive([first]);
    clock.advance(900);
    await turn();
    expect([calls.length, sent.length]).toEqual([0, 0]);
    void runner.receive([second]);
    clock.advance(200);
    await fewTurns();
    expect([calls.length, sent.length]).toEqual([1, 1]);
  });

  it('start after the settlements of those before them were written, which drivers gather in a turn', async () => {
    const order: string[] = [];
    const handle = (): void => void order.push('handler');
    const { runner, clock } = setUp({ handle, nativeRedelivery: true });
    const [first, second] = suspects(3) as [FakeDelivery, FakeDelivery];
    for (const each of [first, second]) {
      const settle = each.settle.bind(each);
      each.settle = (settlement) => {
        queueMicrotask(() => process.nextTick(() => process.nextTick(() => order.push('written'))));
        return settle(settlement);
      };
    }
    void runner.receive([first, second]);
    clock.advance(1_000);
    await fewTurns();
    expect(order).toEqual(['handler', 'written', 'handler', 'written']);
  });
});

describe('a delivery that replaces one which was parked', () => {
  it('waits for the rest of its delay and holds its key meanwhile', async () => {
    const gate = new Gate();
    const { runner, clock } = setUp({ handle: gate.handle });
    const [again, successor] = [deliver('a'), deliver('a')];
    again.notBeforeMs = clock.monotonicMs() + 300;
    void runner.receive([again, successor]);
    await turn();
    clock.advance(299);
    expect(gate.started).toEqual([]);
    clock.advance(1);
    expect(gate.started).toEqual(['a0']);
    await gate.finish('a0');
    expect(gate.started).toEqual(['a0', 'a1']);
  });
});

describe('drain', () => {
  it('takes nothing new, ends what it has, leaves the parked ones unsettled and no timer behind', async () => {
    const gate = new Gate();
    const { runner, clock } = setUp({ handle: gate.handle });
    const [failing, running, late] = [deliver('a'), deliver('b'), deliver('c')];
    void runner.receive([failing, running]);
    await gate.finish('a0', new Error('x'));
    let drained = false;
    void runner.drain().then(() => (drained = true));
    void runner.receive([late]);
    await turn();
    expect([drained, gate.started]).toEqual([false, ['a0', 'b1']]);
    await gate.finish('b1');
    expect(drained).toBe(true);
    expect([failing, running, late].map(({ settlement }) => settlement?.kind)).toEqual([undefined, 'ack', undefined]);
    expect(clock.pending).toBe(0);
    await runner.drain();
  });

  it('ends those who wait for room', async () => {
    const gate = new Gate();
    const { runner } = setUp({ handle: gate.handle, options: { concurrency: 1, maxInFlight: 1 } });
    const enough = runner.receive([deliver('a'), deliver('b')]);
    void runner.drain();
    await enough;
    expect(name(deliver('z'))).toBe('z2');
    expect(gate.started).toEqual(['a0']);
  });
});
