import {
  Notices,
  type Delivery,
  type DeliverySink,
  type OutgoingMessage,
  type Subscription,
  type TransportError,
} from '../../contract/index.js';
import { ManualClock } from '../../testing/manual-clock.js';
import { memory, type MemoryOptions } from './index.js';

const turn = (): Promise<void> =>
  new Promise((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve))));

/** Keeps its deliveries unsettled. */
class Sink implements DeliverySink {
  readonly taken: Delivery[] = [];
  revocations = 0;
  enough: Promise<void> | undefined;

  receive(deliveries: readonly Delivery[]): void | Promise<void> {
    this.taken.push(...deliveries);
    return this.enough;
  }

  revoked(): void {
    this.revocations++;
  }

  get texts(): string[] {
    return this.taken.map(({ body }) => String(body));
  }
}

let lastId = 0;
const message = (body: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  topic: 'orders',
  key: undefined,
  body: Buffer.from(body),
  headers: undefined,
  id: String(lastId++),
  partition: undefined,
  ...more,
});

function setUp(options?: MemoryOptions) {
  const broker = memory(options);
  const clock = new ManualClock();
  const connect = () => broker.open({ service: 's', broker: 'default', notices: new Notices(), clock });
  const { producer } = connect();
  const publish = async (...messages: OutgoingMessage[]) => {
    await producer.send(messages);
    await turn();
  };
  const join = async (group: string, more: Partial<Subscription> = {}) => {
    const sink = new Sink();
    const subscription: Subscription = {
      topic: 'orders',
      group,
      delivery: 'group',
      startFrom: 'beginning',
      ordering: 'key',
      concurrency: 16,
      maxInFlight: 256,
      ...more,
    };
    const consumption = await connect().consume([{ subscription, sink }]);
    await turn();
    return { sink, consumption };
  };
  return { broker, clock, publish, join, producer, connect };
}

const settle = (deliveries: readonly Delivery[]): void =>
  deliveries.forEach((delivery) => delivery.settle({ kind: 'ack' }));

describe('the memory broker', () => {
  it('delivers everything to every group, and to a late group from the beginning or from now on', async () => {
    const { publish, join } = setUp();
    const early = await join('early');
    await publish(message('1', { key: 'a' }), message('2', { key: 'a' }));
    const late = await join('late');
    const fresh = await join('fresh', { startFrom: 'new' });
    await publish(message('3', { key: 'a' }));
    expect(early.sink.texts).toEqual(['1', '2', '3']);
    expect(late.sink.texts).toEqual(['1', '2', '3']);
    expect(fresh.sink.texts).toEqual(['3']);
  });

  it('redelivers the unsettled messages of a leaving member to the others, oldest first, with their attempts', async () => {
    const { publish, join } = setUp();
    const first = await join('g');
    await publish(...['1', '2', '3'].map((body) => message(body, { key: 'a' })));
    settle(first.sink.taken.slice(1, 2));
    first.sink.taken[0]?.park(4, 0);
    const second = await join('g');
    await first.consumption.close();
    await turn();
    expect(second.sink.texts).toEqual(['1', '3']);
    expect(second.sink.taken.map(({ attempt }) => attempt)).toEqual([4, 1]);
    expect(first.sink.taken[0]?.settle({ kind: 'ack' })).toBe(false);
  });

  it('moves a partition to a new member only when nothing of it runs with the old one', async () => {
    const { publish, join } = setUp({ partitions: 2 });
    const first = await join('g');
    await publish(message('1', { partition: 1 }), message('2', { partition: 1 }));
    const [running] = first.sink.taken as [Delivery];
    running.state = 'running';
    const second = await join('g');
    await turn();
    expect(first.sink.taken[1]?.state).toBe('revoked');
    expect(second.sink.texts).toEqual([]);
    settle([running]);
    await turn();
    expect(second.sink.texts).toEqual(['2']);
  });

  it('shares partitions among members and never delivers one message to two', async () => {
    const { publish, join } = setUp();
    const members = [await join('g'), await join('g'), await join('g')];
    await publish(...Array.from({ length: 300 }, (_, index) => message(String(index), { key: `k${index % 40}` })));
    const all = members.flatMap(({ sink }) => sink.texts);
    expect(all.sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 300 }, (_, index) => String(index)));
    expect(members.every(({ sink }) => sink.taken.length > 0)).toBe(true);
  });

  it('redelivers after the delay of a nack, counting attempts, and at once when the member leaves', async () => {
    const { publish, join, clock } = setUp();
    const { sink, consumption } = await join('g');
    await publish(message('1'));
    sink.taken[0]?.settle({ kind: 'nack', delayMs: 500 });
    clock.advance(499);
    await turn();
    expect(sink.taken).toHaveLength(1);
    clock.advance(1);
    await turn();
    expect(sink.taken[1]).toMatchObject({ attempt: 2, offset: '0' });
    sink.taken[1]?.settle({ kind: 'nack', delayMs: 60_000 });
    await consumption.close();
    expect(clock.pending).toBe(0);
    const next = await join('g');
    expect(next.sink.taken[0]).toMatchObject({ attempt: 3 });
  });

  it('delivers nothing more of a partition while the sink of its member is full', async () => {
    const { publish, join } = setUp({ partitions: 1 });
    const { sink } = await join('g');
    let goOn: () => void = () => undefined;
    sink.enough = new Promise((resolve) => (goOn = resolve));
    await publish(message('1'));
    await publish(message('2'));
    expect(sink.texts).toEqual(['1']);
    sink.enough = undefined;
    goOn();
    await turn();
    expect(sink.texts).toEqual(['1', '2']);
  });

  it('delivers nothing after stop, and unsettled messages can still be settled', async () => {
    const { publish, join } = setUp();
    const { sink, consumption } = await join('g');
    await publish(message('1'));
    await consumption.stop();
    await publish(message('2'));
    expect(sink.texts).toEqual(['1']);
    expect(sink.taken[0]?.settle({ kind: 'ack' })).toBe(true);
    await consumption.close();
    await consumption.close();
    expect((await join('g')).sink.texts).toEqual(['2']);
  });

  it('counts what it could deliver to a member now: nothing of other members, no delayed messages, and nothing while the sink is full', async () => {
    const { publish, join } = setUp({ partitions: 2 });
    const first = await join('mail');
    const [waiting, other] = [async () => (await first.consumption.waiting?.())?.[0], await join('mail')];
    const third = await join('mail');
    expect(await third.consumption.waiting?.()).toEqual([undefined]);
    await other.consumption.close();
    await third.consumption.close();
    await turn();
    await publish(message('1', { partition: 0 }), message('2', { partition: 1 }));
    expect([await waiting(), first.sink.taken.length]).toEqual([0, 2]);
    first.sink.taken[0]?.settle({ kind: 'nack', delayMs: 1_000 });
    expect(await waiting()).toBe(0);
    first.sink.enough = new Promise(() => undefined);
    await publish(message('3', { partition: 0 }));
    await publish(message('4', { partition: 0 }), message('5', { partition: 0 }));
    expect(await waiting()).toBe(0);
    await first.consumption.stop();
    await publish(message('6', { partition: 1 }));
    expect(await waiting()).toBe(1);
    await first.consumption.close();
    expect(await waiting()).toBeUndefined();
  });

  it('deletes the oldest messages that every group has passed, and never what a group still needs', async () => {
    const { publish, join } = setUp({ partitions: 1, retainMessages: 10 });
    const slow = await join('slow', { maxInFlight: 1 });
    slow.sink.enough = new Promise(() => undefined);
    const many = Array.from({ length: 5_000 }, (_, index) => message(String(index)));
    await publish(...many);
    const late = await join('late', { maxInFlight: 5_000 });
    expect(late.sink.taken).toHaveLength(5_000);
    const other = setUp({ partitions: 1, retainMessages: 10 });
    await other.publish(...many);
    const { sink } = await other.join('late', { maxInFlight: 5_000 });
    expect(sink.taken.length).toBeGreaterThanOrEqual(10);
    expect(sink.taken.length).toBeLessThan(3_000);
    expect(sink.texts.at(-1)).toBe('4999');
  });

  it('keeps nothing for an instance of every-instance delivery that has ended', async () => {
    const { publish, join } = setUp({ partitions: 1, retainMessages: 10 });
    const gone = await join('gone', { delivery: 'every-instance', maxInFlight: 1 });
    gone.sink.enough = new Promise(() => undefined);
    await gone.consumption.close();
    await publish(...Array.from({ length: 5_000 }, (_, index) => message(String(index))));
    const late = await join('late', { maxInFlight: 5_000 });
    expect(late.sink.taken.length).toBeLessThan(3_000);
  });

  it('keeps delayed messages while no connection is open, and no timer', async () => {
    const { clock, publish, join } = setUp();
    const host = { service: 's', broker: 'default', notices: new Notices(), clock };
    await publish(message('later', { deliverAtMs: clock.now() + 100 }), message('now'));
    const { sink } = await join('g');
    expect(sink.texts).toEqual(['now']);
    clock.advance(100);
    await turn();
    expect(sink.texts).toEqual(['now', 'later']);

    const other = memory();
    const first = other.open(host);
    await first.producer.send([message('later', { deliverAtMs: clock.now() + 100 })]);
    await first.close();
    expect(clock.pending).toBe(0);
    clock.advance(500);
    const consumer = other.open(host);
    const late = new Sink();
    const subscription: Subscription = {
      topic: 'orders',
      group: 'g',
      delivery: 'group',
      startFrom: 'beginning',
      ordering: 'key',
      concurrency: 1,
      maxInFlight: 9,
    };
    await consumer.consume([{ subscription, sink: late }]);
    clock.advance(0);
    await turn();
    expect(late.texts).toEqual(['later']);
  });

  it('is another broker for each memory() and the same for each connection of one', async () => {
    const [one, other] = [setUp(), setUp()];
    const here = await one.join('g');
    const there = await other.join('g');
    await one.publish(message('1'));
    expect([here.sink.texts, there.sink.texts]).toEqual([['1'], []]);
  });

  it.each([
    ['', 'TRANSPORT_TOPIC_INVALID'],
    ['a b', 'TRANSPORT_TOPIC_INVALID'],
    ['ä', 'TRANSPORT_TOPIC_INVALID'],
    ['x'.repeat(250), 'TRANSPORT_TOPIC_INVALID'],
    ['..', 'TRANSPORT_TOPIC_INVALID'],
  ])('rejects the topic %j', (topic, code) => {
    const { producer, broker } = setUp();
    const check = () => producer.check(message('1', { topic }));
    expect(check).toThrow(expect.objectContaining({ code }));
    const subscription: Subscription = {
      topic,
      group: 'g',
      delivery: 'group',
      startFrom: 'new',
      ordering: 'key',
      concurrency: 1,
      maxInFlight: 1,
    };
    expect(() => broker.checkSubscription(subscription)).toThrow(expect.objectContaining({ code }));
  });

  it.each([[8], [-1], [1.5]])('rejects partition %d, which does not exist', (partition) => {
    const { producer } = setUp();
    const check = () => producer.check(message('1', { partition }));
    expect(check).toThrow(
      expect.objectContaining({ code: 'TRANSPORT_PARTITION_MISSING', stored: 'no' } satisfies Partial<TransportError>),
    );
  });

  it('reads headers case-insensitively, and no object property as a header', async () => {
    const { publish, join } = setUp();
    const { sink } = await join('g');
    await publish(message('1', { headers: { tenant: 'blue' } }));
    const names = ['tenant', 'Tenant', 'constructor', 'toString'];
    expect(names.map((name) => sink.taken[0]?.header(name))).toEqual(['blue', 'blue', undefined, undefined]);
  });

  it('keeps messages without a key in the order of their partition', async () => {
    const { publish, join } = setUp({ partitions: 2 });
    const { sink } = await join('g');
    await publish(message('1', { partition: 1 }));
    expect(sink.taken[0]?.stream).toBe(1);
  });

  it('rejects unknown options', () => {
    expect(() => memory({ partition: 3 } as MemoryOptions)).toThrow('Did you mean "partitions"?');
  });

  it('delivers replies to the requester until it stops waiting', async () => {
    const { join, connect } = setUp();
    const { sink } = await join('g');
    const replies: unknown[] = [];
    const stop = await connect().requester?.request(message('1'), (reply) => replies.push(reply));
    await turn();
    void sink.taken[0]?.reply?.({ kind: 'value', body: Buffer.from('2'), last: true });
    stop?.();
    void sink.taken[0]?.reply?.({ kind: 'end' });
    expect(replies).toEqual([{ kind: 'value', body: Buffer.from('2'), last: true }]);
  });
});
