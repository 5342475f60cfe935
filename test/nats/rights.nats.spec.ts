import type { Delivery, OutgoingMessage } from 'nest-transport';
import { startNats, type PrivateNats } from '../../tools/brokers/nats.mjs';
import { afterwards, closeAll, connected, manyMessages, message, TestSink, uniqueName, until } from './support.js';

/** Users without one right each, by the right that they lack. */
const DENIED = {
  all: {},
  ack: { publish: { deny: ['$JS.ACK.>'] } },
  next: { publish: { deny: ['$JS.API.CONSUMER.MSG.NEXT.>'] } },
  inbox: { subscribe: { deny: ['_INBOX.>'] } },
  answer: { publish: { deny: ['_INBOX.>'] } },
  read: { subscribe: { deny: ['core.>'] } },
} as const;
type User = keyof typeof DENIED;

const users = (denied: Record<string, object>) =>
  Object.entries(denied).map(([user, permissions]) => ({ user, password: 'x', permissions }));

let server: PrivateNats;
beforeAll(async () => {
  server = await startNats({ config: { authorization: { users: users(DENIED) } } });
}, 60_000);
afterAll(() => server.stop());
afterEach(closeAll);

const as = (user: User, more = {}) =>
  connected({
    servers: [server.url],
    provision: false,
    auth: { user, password: 'x' },
    requestTimeoutMs: 1_000,
    ...more,
  });

async function topicWith(messages: number): Promise<string> {
  const topic = uniqueName('rights');
  const admin = await as('all', { provision: {} });
  await admin.connection.ensureTopics([topic], 'publish');
  await admin.send(...manyMessages(messages, topic));
  return topic;
}

function giveBack(delivery: Delivery): false {
  delivery.settle({ kind: 'nack', delayMs: 60_000 });
  return false;
}

describe('a right that is missing', () => {
  it('to settle ($JS.ACK): health is down and a notice names the right', async () => {
    const topic = await topicWith(60);
    const side = await as('ack', { maxUnsettled: 20, ackWaitMs: 2_000 });
    await side.consume(topic, 'group', new TestSink(), { maxInFlight: 20 });
    await until('health is down', () => side.connection.health().status === 'down', 10_000);
    await until('each settlement is reported', () => side.heard('settlement:failed').length >= 20);
    expect(new Set(side.heard('settlement:failed').map(({ id }) => id)).size).toBe(
      side.heard('settlement:failed').length,
    );
    expect(side.heard('settlement:failed')[0]).toMatchObject({ topic, group: 'group', settlement: 'ack' });
    expect(side.connection.health().problems).toEqual([expect.stringContaining('publish to "$JS.ACK.>"')]);
    expect(side.heard('broker:warned')).toEqual([
      expect.objectContaining({ warning: expect.stringContaining('publish to "$JS.ACK.>"') }),
    ]);
  });

  it('to settle, for what is given back for a later attempt: each settlement that is refused is reported once', async () => {
    const topic = await topicWith(3);
    const side = await as('ack', { ackWaitMs: 60_000 });
    await side.consume(topic, 'group', new TestSink(giveBack));
    await until('each settlement is reported', () => side.heard('settlement:failed').length === 3);
    expect(side.heard('settlement:failed').map(({ settlement }) => settlement)).toEqual(['nack', 'nack', 'nack']);
  });

  it('to ask for messages (MSG.NEXT): health is down, the crash names the right, and it is asked for with pauses', async () => {
    const topic = await topicWith(1);
    const side = await as('next');
    await side.consume(topic, 'group', new TestSink());
    await until('health is down', () => side.connection.health().status === 'down', 10_000);
    expect(side.connection.health().problems[0]).toContain('$JS.API.CONSUMER.MSG.NEXT');
    await until('it has been asked for again', () => side.heard('subscription:crashed').length >= 3, 10_000);
    expect(
      side
        .heard('subscription:crashed')
        .map(({ restartInMs }) => restartInMs)
        .slice(0, 3),
    ).toEqual([200, 200, 400]);
    expect(side.heard('subscription:crashed')[0]?.error.message).toContain('$JS.API.CONSUMER.MSG.NEXT');
  });

  it('to answer (publish to the inbox): health is degraded and a notice names the right', async () => {
    const topic = await topicWith(0);
    const side = await as('answer');
    const sink = new TestSink(({ reply }) => void reply?.({ kind: 'value', body: Buffer.from('1'), last: true }));
    await side.consume(topic, 'group', sink);
    const requester = await as('all');
    await requester.connection.requester?.request(message(topic), () => undefined);
    await until('health is degraded', () => side.connection.health().status === 'degraded', 10_000);
    expect(side.heard('broker:warned')[0]?.warning).toContain('publish to "_INBOX.>"');
  });

  it('to subscribe to a topic of core NATS rejects the start', async () => {
    const side = await as('read', { mode: 'core' });
    await expect(side.consume('core.topic', 'group', new TestSink())).rejects.toMatchObject({
      code: 'TRANSPORT_AUTHORIZATION_FAILED',
      message: expect.stringContaining('core.topic'),
    });
  });

  it('to read answers (subscribe to the inbox) rejects the start or is named by health', async () => {
    const topic = await topicWith(1);
    const side = await as('inbox');
    const started = side.consume(topic, 'group', new TestSink());
    await expect(started).rejects.toMatchObject({ code: 'TRANSPORT_AUTHORIZATION_FAILED' });
    expect(side.heard('broker:warned')[0]?.warning).toContain('subscribe to "_INBOX.>"');
  });
});

describe('a settlement', () => {
  it('that waits for a connection which does not come back before the close is reported as failed', async () => {
    const own = await startNats();
    afterwards(() => own.stop());
    const [topic, side] = [uniqueName('lost'), await connected({ servers: [own.url] })];
    const sink = new TestSink(() => false);
    await side.connection.ensureTopics([topic], 'publish');
    const consumption = await side.consume(topic, 'group', sink);
    const [sent] = manyMessages(1, topic);
    await side.send(sent as OutgoingMessage);
    await until('it has come', () => sink.received.length === 1);
    await own.kill();
    await until('the connection is lost', () => side.connection.health().status === 'down');
    sink.received[0]?.settle({ kind: 'ack' });
    await consumption.close();
    expect(side.heard('settlement:failed')).toEqual([expect.objectContaining({ id: sent?.id, settlement: 'ack' })]);
  });
});

describe('a right that an operator takes away and gives back', () => {
  it('to subscribe to a topic of core NATS: health is down meanwhile, and messages come again without a restart', async () => {
    const own = await startNats({ config: { authorization: { users: users({ member: {}, all: {} }) } } });
    afterwards(() => own.stop());
    const core = (user: string) => connected({ servers: [own.url], mode: 'core', auth: { user, password: 'x' } });
    const [side, publisher, sink] = [await core('member'), await core('all'), new TestSink()];
    await side.consume('core.topic', 'group', sink);
    await own.reload({
      authorization: { users: users({ member: { subscribe: { deny: ['core.>'] } }, all: {} }) },
    });
    await until('health is down', () => side.connection.health().status === 'down', 10_000);
    expect(side.heard('subscription:crashed')[0]?.error.message).toContain('core.topic');
    await own.reload({ authorization: { users: users({ member: {}, all: {} }) } });
    await until('health is up', () => side.connection.health().status === 'up', 10_000);
    await publisher.send(message('core.topic'));
    await until('the message has come', () => sink.done.length === 1);
  });
});
