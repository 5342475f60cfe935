import { setTimeout as pause } from 'node:timers/promises';
import type { OutgoingMessage } from 'nest-transport';
import { nats } from 'nest-transport/nats';
import { startNats, type PrivateNats } from '../../tools/brokers/nats.mjs';
import {
  closeAll,
  connected,
  manager,
  message,
  newConsumer,
  newStream,
  sharedUrl,
  storedIn,
  TestSink,
  uniqueName,
  until,
  type Side,
} from './support.js';

afterEach(closeAll);

const DAY_MS = 86_400_000;
type Later = OutgoingMessage & { readonly deliverAtMs: number };

const later = (topic: string, waitMs: number, more: Partial<OutgoingMessage> = {}): Later => ({
  ...message(topic, more),
  deliverAtMs: Date.now() + waitMs,
});

/** With the moment when each came. */
class TimingSink extends TestSink {
  readonly cameAt: Map<string, number>;

  constructor() {
    const cameAt = new Map<string, number>();
    super(({ id }) => void (cameAt.has(id) || cameAt.set(id, Date.now())));
    this.cameAt = cameAt;
  }

  earlyBy({ id, deliverAtMs }: Later): number {
    return deliverAtMs - (this.cameAt.get(id) ?? Number.NaN);
  }
}

async function subscribed(side: Side, topic: string): Promise<TimingSink> {
  const sink = new TimingSink();
  await side.connection.ensureTopics([topic], 'subscribe');
  await side.consume(topic, 'g', sink);
  return sink;
}

const came = (sink: TestSink, count: number) => until(`${count} came`, () => sink.done.length >= count);

describe('a message for later', () => {
  it('comes at its time and not before, once, with its own headers, and leaves nothing behind', async () => {
    const side = await connected();
    const topic = uniqueName('later');
    const sink = await subscribed(side, topic);
    const [long, short] = [later(topic, 1_200, { key: 'a', headers: { tenant: 'acme' } }), later(topic, 400)];
    const results = await side.send(long, short);
    expect(results).toMatchObject([{ id: long.id }, { id: short.id }]);
    await came(sink, 2);
    expect(sink.doneIds).toEqual([short.id, long.id]);
    expect(sink.earlyBy(short)).toBeLessThanOrEqual(0);
    expect(sink.earlyBy(long)).toBeLessThanOrEqual(0);
    const [, delivery] = sink.done;
    expect(delivery).toMatchObject({ topic, key: 'a', attempt: 1 });
    expect({ ...delivery?.headers }).toEqual({ tenant: 'acme', 'message-id': long.id });
    const jsm = await manager();
    expect(await storedIn(await jsm.streams.find(topic))).toBe(2);
  });

  it('is delivered once when it is published twice under its id: while it waits, and after its time', async () => {
    const side = await connected();
    const topic = uniqueName('twice');
    const sink = await subscribed(side, topic);
    const one = later(topic, 500);
    await side.send(one);
    await side.send(one);
    await came(sink, 1);
    await side.send(one);
    const last = message(topic);
    await side.send(last);
    await came(sink, 2);
    expect(sink.doneIds).toEqual([one.id, last.id]);
  });

  it('is told apart from one of the same id on another topic of the stream', async () => {
    const prefix = uniqueName('many');
    await newStream([`${prefix}.>`]);
    const side = await connected();
    const sink = await subscribed(side, `${prefix}.*`);
    const [first, second] = [later(`${prefix}.a`, 300, { id: 'same' }), later(`${prefix}.b`, 300, { id: 'same' })];
    await side.send(first, second);
    await came(sink, 2);
    expect(sink.done.map(({ topic }) => topic).sort()).toEqual([first.topic, second.topic]);
  });

  it('needs a stream that allows schedules: without provision the command is said, and with its result the message waits', async () => {
    const topic = uniqueName('theirs');
    const stream = await newStream([topic]);
    const side = await connected({ provision: false });
    const [error] = await side.send(later(topic, 300));
    expect(error).toMatchObject({ code: 'TRANSPORT_CAPABILITY_UNSUPPORTED', stored: 'no', topic, retryable: false });
    const command = `nats stream edit ${stream} --allow-schedules --subjects "${topic},_delayed.${stream}.*"`;
    expect((error as Error).message).toContain(command);

    const subjects = [topic, `_delayed.${stream}.*`];
    await (await manager()).streams.update(stream, { allow_msg_schedules: true, subjects });
    const sink = await subscribed(side, topic);
    const one = later(topic, 300);
    expect(await side.send(one)).toMatchObject([{ id: one.id }]);
    await came(sink, 1);
  });

  it('is refused where the stream would delete it before its time, and the stream stays as it was', async () => {
    const [limited, short] = [uniqueName('limited'), uniqueName('short')];
    const stream = await newStream([limited], { max_msgs: 100 });
    await newStream([short], { max_age: DAY_MS * 1e6 });
    const side = await connected();
    const [full, fits, tooOld] = await side.send(
      later(limited, DAY_MS),
      later(short, DAY_MS / 2),
      later(short, 2 * DAY_MS),
    );
    expect(full).toMatchObject({ code: 'TRANSPORT_CAPABILITY_UNSUPPORTED', stored: 'no' });
    expect(tooOld).toMatchObject({ code: 'TRANSPORT_CAPABILITY_UNSUPPORTED', stored: 'no' });
    expect((tooOld as Error).message).toContain('(max_age)');
    expect(fits).not.toBeInstanceOf(Error);
    expect((await (await manager()).streams.info(stream)).config.allow_msg_schedules).not.toBe(true);
  });

  it('is refused for a moment that the server would take for the past', async () => {
    const { producer } = (await connected()).connection;
    const beyond = { ...message('t'), deliverAtMs: Date.UTC(2262, 0) };
    const refusal = expect.objectContaining({ code: 'TRANSPORT_OPTION_INVALID', stored: 'no' });
    expect(() => producer.check(beyond)).toThrow(refusal);
    expect(() => producer.check({ ...beyond, deliverAtMs: Date.UTC(2261, 11) })).not.toThrow();
  });

  it('finds its way when the stream was made anew, without schedules', async () => {
    const side = await connected();
    const topic = uniqueName('anew');
    await side.send(later(topic, DAY_MS));
    const jsm = await manager();
    const stream = await jsm.streams.find(topic);
    await jsm.streams.delete(stream);
    await jsm.streams.add({ name: stream, subjects: [topic, `_delayed.${stream}.*`] });
    const sink = await subscribed(side, topic);
    const one = later(topic, 300);
    expect(await side.send(one)).toMatchObject([{ id: one.id }]);
    await came(sink, 1);
  });

  it('is refused by core NATS, with the reason', async () => {
    const core = nats({ servers: [sharedUrl()], mode: 'core' });
    expect(core.capabilities.delayedPublish).toBe('unsupported');
    expect(core.unsupportedBecause?.delayedPublish).toContain('keeps nothing');
  });
});

describe('on a server of its own, a message for later', () => {
  let server: PrivateNats;
  beforeAll(async () => void (server = await startNats()), 60_000);
  afterAll(() => server.stop());

  it.each(['>', '*.*.*'])('is not seen by the pattern %s while it waits', async (pattern) => {
    const prefix = uniqueName('orders');
    const topic = `${prefix}.order.made`;
    await newStream([`${prefix}.>`], {}, server.url);
    const side = await connected({ servers: [server.url] });
    const one = later(topic, 500);
    await side.send(one);
    const sink = new TimingSink();
    await side.consume(pattern, uniqueName('g'), sink);
    const now = message(topic);
    await side.send(now);
    const seen = () => sink.received.filter((each) => each.topic === topic || each.topic.startsWith('_delayed'));
    await until('both came', () => seen().length >= 2);
    expect(seen().map(({ id }) => id)).toEqual([now.id, one.id]);
  });

  it('is not seen by a consumer of the whole stream that somebody else has made', async () => {
    const topic = uniqueName('whole');
    const stream = await newStream([topic], {}, server.url);
    const side = await connected({ servers: [server.url] });
    await side.send(later(topic, DAY_MS));
    await newConsumer(stream, { durable_name: 'theirs', ack_policy: 'explicit' as never }, server.url);
    const bound = await connected({ servers: [server.url], consumers: 'bind', consumerName: () => 'theirs' });
    const sink = await subscribed(bound, topic);
    const now = message(topic);
    await side.send(now);
    await came(sink, 1);
    expect(sink.received.map(({ id }) => id)).toEqual([now.id]);
  });

  it('is not heard by core NATS while it waits', async () => {
    const topic = `${uniqueName('orders')}.order.made`;
    await newStream([topic], {}, server.url);
    const [side, core] = [
      await connected({ servers: [server.url] }),
      await connected({ servers: [server.url], mode: 'core' }),
    ];
    const sink = new TimingSink();
    await core.consume('*.*.*', 'g', sink);
    await side.send(later(topic, DAY_MS));
    await side.send(message(topic));
    await until('it came', () => sink.received.some((each) => each.topic === topic));
    expect(sink.received.filter((each) => each.topic.startsWith('_delayed'))).toEqual([]);
  });

  it('is there when the server is killed and comes back: each once, what was due meanwhile at once, and nothing early', async () => {
    const side = await connected({ servers: [server.url] });
    const topic = uniqueName('killed');
    const sink = await subscribed(side, topic);
    const all = Array.from({ length: 100 }, (_, index) => later(topic, 300 + index * 20));
    for (const result of await side.send(...all)) expect(result).not.toBeInstanceOf(Error);
    await server.kill();
    const before = sink.received.length;
    await pause(500);
    await server.restart();
    await came(sink, all.length);
    expect(before).toBeLessThan(all.length / 2);
    expect([...sink.doneIds].sort()).toEqual(all.map(({ id }) => id).sort());
    for (const each of all) expect(sink.earlyBy(each)).toBeLessThanOrEqual(0);
  });
});
