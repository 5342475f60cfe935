import { createServer, type AddressInfo } from 'node:net';
import {
  NsqConsumer,
  NsqError,
  NsqProducer,
  type NsqConsumerOptions,
  type NsqMessage,
} from 'nest-transport/nsq/client';
import { FakeNsqd, frame, messageFrame, polite, type Script } from './fake-nsqd.js';

/*
 * The client against a server that answers by script: what a real nsqd cannot be made to do, or only by chance.
 */
const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function fake(script?: Script): Promise<FakeNsqd> {
  const nsqd = await FakeNsqd.start(script);
  opened.push(() => nsqd.stop());
  return nsqd;
}

function producerOf(options: ConstructorParameters<typeof NsqProducer>[0]): NsqProducer {
  const producer = new NsqProducer({ heartbeatIntervalMs: 1_000, ...options });
  opened.push(() => producer.close());
  return producer;
}

async function consumerOf(nsqd: FakeNsqd, options: Partial<NsqConsumerOptions> = {}) {
  const received: NsqMessage[] = [];
  const late: string[] = [];
  const lost: NsqMessage[] = [];
  const consumer = new NsqConsumer({
    ...{ nsqd: [nsqd.address], topic: 'orders', channel: 'mail', heartbeatIntervalMs: 1_000 },
    onMessages: (messages) => received.push(...messages),
    onTooLate: (command, id) => late.push(`${command} ${id}`),
    onLost: (messages) => lost.push(...messages),
    ...options,
  });
  opened.push(() => consumer.close());
  await consumer.start();
  return { consumer, received, late, lost };
}

/** Longer than a connection may leave a request unanswered before others are preferred. */
const STALLED_MS = 400;

const failure = (promise: Promise<unknown>): Promise<NsqError> =>
  promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => (error instanceof NsqError ? error : Promise.reject(error as Error)),
  );
const told = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'stored',
    (error: NsqError) => `${error.reason}, ${error.stored}`,
  );

describe('the first words', () => {
  it('are the magic and IDENTIFY in one write, and say when nsqd may collect messages', async () => {
    const nsqd = await fake();
    const producer = producerOf({ nsqd: [nsqd.address], clientId: 'mail', messageTimeoutMs: 7_000 });
    await producer.connect();
    const guest = nsqd.guests[0];
    expect(guest?.reads).toHaveLength(1);
    expect(JSON.parse(guest?.said[0]?.body.toString() ?? '')).toMatchObject({
      ...{ client_id: 'mail', feature_negotiation: true, heartbeat_interval: 1_000, msg_timeout: 7_000 },
      ...{ output_buffer_timeout: 25, tls_v1: false, snappy: false, deflate: false },
    });
  });

  it('switch the buffer of nsqd off as a whole: its time alone would leave messages in it', async () => {
    const nsqd = await fake();
    await producerOf({ nsqd: [nsqd.address], outputBufferMs: 0 }).connect();
    expect(JSON.parse(nsqd.guests[0]?.said[0]?.body.toString() ?? '')).toMatchObject({
      ...{ output_buffer_timeout: -1, output_buffer_size: -1 },
    });
  });

  const wrong: [string, Script, object, string, RegExp][] = [
    ['hangs up', (_said, { socket }) => socket.destroy(), {}, 'closed', /closed the connection|ECONNRESET/],
    [
      'never answers',
      () => undefined,
      { connectionTimeoutMs: 200 },
      'timeout',
      /handshake within 200 ms \(connectionTimeoutMs\)/,
    ],
    [
      'speaks HTTP',
      (_said, { socket }) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
      {},
      'protocol',
      /is this an nsqd/,
    ],
    ['is too old to negotiate', (_said, guest) => guest.ok(), {}, 'protocol', /too old/],
    [
      'refuses a setting',
      (_said, guest) => guest.refuseAndHangUp('E_BAD_BODY IDENTIFY msg timeout'),
      {},
      'refused',
      /E_BAD_BODY/,
    ],
    ['has no TLS where TLS is wanted', polite(), { tls: true }, 'tls', /has no TLS/],
    ['has no snappy where snappy is wanted', polite(), { compression: 'snappy' }, 'unsupported', /has no snappy/],
    [
      'wants a login and is given none',
      polite(undefined, { auth_required: true }),
      {},
      'authentication',
      /no authSecret/,
    ],
    [
      'refuses the login',
      polite((said, guest) => said.line === 'AUTH' && (guest.refuseAndHangUp('E_AUTH_FAILED AUTH failed'), true), {
        auth_required: true,
      }),
      { authSecret: 'Zaubernuss' },
      'authentication',
      /E_AUTH_FAILED/,
    ],
  ];
  it.each(wrong)(
    'fail soon and with the reason when the other side %s',
    async (_what, script, options, reason, words) => {
      const nsqd = await fake(script);
      const error = await failure(producerOf({ nsqd: [nsqd.address], ...options }).connect());
      expect(error).toMatchObject({ reason, stored: 'no', message: expect.stringMatching(words) });
      expect(error.message).not.toContain('Zaubernuss');
      // Nothing was said in the clear to a server that was to be spoken to over TLS.
      expect(nsqd.lines(/^AUTH/).length).toBe('authSecret' in options ? 1 : 0);
    },
  );
});

describe('a publish', () => {
  it('is one write per command, so that nothing waits for an acknowledgement of TCP', async () => {
    const nsqd = await fake();
    const producer = producerOf({ nsqd: [nsqd.address] });
    await producer.connect();
    await producer.publish('orders', 'x'.repeat(1_000));
    await producer.publish('orders', 'y'.repeat(1_000));
    expect(nsqd.guests[0]?.reads.slice(1)).toEqual([1_015, 1_015]);
  });

  it('whose OK is lost is unknown; those that were not sent go on over a new connection', async () => {
    const nsqd = await fake(polite((said, { socket }) => said.body.toString() === 'lost' && (socket.destroy(), true)));
    const producer = producerOf({ nsqd: [nsqd.address] });
    expect(await told(producer.publish('orders', 'first'))).toBe('stored');
    expect(await told(producer.publish('orders', 'lost'))).toBe('closed, unknown');
    expect(await told(producer.publish('orders', 'next'))).toBe('stored');
    expect(nsqd.guests).toHaveLength(2);
    expect(nsqd.lines(/^PUB/)).toHaveLength(3);
  });

  it('that is refused tells the truth to all: those before it are stored, those behind it were not looked at and go again', async () => {
    // As nsqd: it answers in order, and reads nothing behind the command that it hangs up on.
    let refused = false;
    const nsqd = await fake(
      polite(({ line, body }, guest) => {
        if (!line.startsWith('PUB')) return false;
        if (refused && guest === nsqd.guests[0]) return true;
        if (body.toString() !== 'bad') return false;
        refused = true;
        guest.refuseAndHangUp('E_BAD_MESSAGE PUB message too big 9 > 3');
        return true;
      }),
    );
    const producer = producerOf({ nsqd: [nsqd.address] });
    await producer.connect();
    const results = ['one', 'bad', 'two', 'three'].map((body) => told(producer.publish('orders', body)));
    expect(await Promise.all(results)).toEqual(['stored', 'refused, no', 'stored', 'stored']);
    const again = nsqd.guests[1]?.said.filter(({ line }) => line.startsWith('PUB')).map(({ body }) => body.toString());
    expect(again).toEqual(['two', 'three']);
  });

  it('goes to each nsqd in turn, and to the others while one is away', async () => {
    const [one, two] = [await fake(), await fake()];
    const up: string[] = [];
    const down: string[] = [];
    const producer = producerOf({
      nsqd: [one.address, two.address],
      onUp: (nsqd) => up.push(nsqd),
      onDown: (nsqd) => down.push(nsqd),
    });
    await producer.connect();
    await waitFor(() => up.length === 2);
    for (let n = 0; n < 10; n++) await producer.publish('orders', `${n}`);
    expect(one.lines(/^PUB/)).toHaveLength(5);
    await one.stop();
    await waitFor(() => down.length > 0);
    for (let n = 0; n < 10; n++) expect(await told(producer.publish('orders', `${n}`))).toBe('stored');
    expect(two.lines(/^PUB/)).toHaveLength(15);
    await waitFor(() => producer.problems[0]?.reason === 'unreachable');
    expect(producer.isUp).toBe(true);
  });

  it('to an nsqd that stalls is unknown after requestTimeoutMs, and the next one is stored elsewhere', async () => {
    const stalled = await fake(polite(({ line }) => line.startsWith('PUB')));
    const well = await fake();
    const producer = producerOf({ nsqd: [stalled.address], requestTimeoutMs: 300 });
    expect(await told(producer.publish('orders', 'x'))).toBe('timeout, unknown');
    const up: string[] = [];
    const nsqd = [stalled.address, well.address];
    const both = producerOf({ nsqd, requestTimeoutMs: 300, onUp: (one) => up.push(one) });
    await both.connect();
    await waitFor(() => up.length === 2);
    const results = await Promise.all([told(both.publish('orders', 'x')), told(both.publish('orders', 'y'))]);
    expect(results.sort()).toEqual(['stored', 'timeout, unknown']);
  });

  it('does not wait for an nsqd that stalls while another one answers, whatever the topic', async () => {
    const stalled = await fake(polite(({ line }) => line.startsWith('PUB')));
    const well = await fake();
    const up: string[] = [];
    const producer = producerOf({ nsqd: [stalled.address, well.address], onUp: (one) => up.push(one) });
    await producer.connect();
    await waitFor(() => up.length === 2);
    let stored = 0;
    const publish = (n: number) => producer.publish(`first-${n}`, 'x').then(() => void stored++);
    const first = Promise.allSettled(Array.from({ length: 8 }, (_, n) => publish(n)));
    await waitFor(() => stored === 4);
    const startedAt = performance.now();
    for (let n = 0; n < 6; n++) await producer.publish('one', `${n}`);
    await waitFor(() => performance.now() - startedAt > STALLED_MS);
    await Promise.all(Array.from({ length: 20 }, (_, n) => producer.publish(`topic-${n}`, 'x')));
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    await stalled.stop();
    await first;
  });

  it('that nobody takes fails at once and does not dial past the pauses of the reconnect; an explicit connect dials', async () => {
    let dials = 0;
    const server = createServer((socket) => void (dials++, socket.destroy()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    opened.push(async () => void server.close());
    const producer = producerOf({ nsqd: [`127.0.0.1:${(server.address() as AddressInfo).port}`] });
    const since = Date.now();
    while (Date.now() - since < 1_500) {
      expect(await told(producer.publish('orders', 'x'))).toBe('closed, no');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    // 100, 200, 400, 800 ms and half of each at random.
    expect(dials).toBeLessThan(7);
    const before = dials;
    await failure(producer.connect());
    expect(dials).toBeGreaterThan(before);
  });

  it('of one topic is stored although another topic is refused all the time', async () => {
    const nsqd = await fake(
      polite(({ line }, guest) => line === 'PUB forbidden' && (guest.refuseAndHangUp('E_UNAUTHORIZED AUTH no'), true)),
    );
    const producer = producerOf({ nsqd: [nsqd.address] });
    await producer.connect();
    for (let n = 0; n < 10; n++) {
      const results = [told(producer.publish('forbidden', 'x')), told(producer.publish('orders', 'x'))];
      expect(await Promise.all(results)).toEqual(['authorization, no', 'stored']);
    }
  });

  it('that fails on the disk of nsqd is unknown: a part of an MPUB may be stored', async () => {
    const nsqd = await fake(
      polite(
        ({ line }, guest) => line.startsWith('MPUB') && (guest.refuseAndHangUp('E_MPUB_FAILED MPUB failed'), true),
      ),
    );
    expect(await told(producerOf({ nsqd: [nsqd.address] }).publishAll('orders', ['a', 'b']))).toBe('refused, unknown');
  });

  it('is refused here for what nsqd would hang up on, and nothing is sent', async () => {
    const nsqd = await fake();
    const producer = producerOf({ nsqd: [nsqd.address], maxMessageBytes: 10, maxRequestBytes: 40 });
    const bad: [Promise<void>, RegExp][] = [
      [producer.publish('a b', 'x'), /topic "a b".*contains " "/],
      [producer.publish('orders', ''), /is empty/],
      [producer.publish('orders', 'x'.repeat(11)), /11 bytes, the limit is 10 \(maxMessageBytes\)/],
      [producer.publishAll('orders', ['x', '']), /is empty/],
      [producer.publishAll('orders', Array<string>(4).fill('0123456789')), /60 bytes.*40.*maxRequestBytes/],
      [producer.publishDeferred('orders', 'x', 3_600_001), /3600001 ms.*0 to 3600000/],
      [producer.publishDeferred('orders', 'x', 0.5), /whole numbers/],
    ];
    for (const [publish, words] of bad) {
      expect(await failure(publish)).toMatchObject({ reason: 'invalid', message: expect.stringMatching(words) });
    }
    await producer.publish('orders', 'good');
    expect(nsqd.lines(/PUB/)).toEqual(['PUB orders']);
  });

  it('whose failure makes its caller close the producer ends well: nothing is thrown elsewhere', async () => {
    const nsqd = await fake(polite(({ line }, { socket }) => line.startsWith('PUB') && (socket.destroy(), true)));
    const producer = producerOf({ nsqd: [nsqd.address] });
    const closed: Promise<void>[] = [];
    const onFailure = (): void => void closed.push(producer.close());
    await Promise.all(['one', 'two', 'three'].map((body) => producer.publish('orders', body).catch(onFailure)));
    await Promise.all(closed);
    expect(closed).toHaveLength(3);
    await nsqd.until('it has hung up', () => nsqd.guests.every(({ hungUp }) => hungUp));
  });

  it('after close is refused, and one under way is answered before the end', async () => {
    const nsqd = await fake();
    const producer = producerOf({ nsqd: [nsqd.address] });
    await producer.connect();
    const last = told(producer.publish('orders', 'last'));
    await producer.close();
    expect(await last).toBe('stored');
    expect(await told(producer.publish('orders', 'late'))).toBe('closed, no');
  });
});

describe('a consumer', () => {
  it('is told of settlements that came too late, and no answer is taken for another', async () => {
    const nsqd = await fake();
    const { consumer, received, late, lost } = await consumerOf(nsqd);
    const guest = nsqd.guests[0];
    guest?.socket.write(
      Buffer.concat([messageFrame('aa', 'one'), messageFrame('bb', 'two'), messageFrame('cc', 'three')]),
    );
    await nsqd.until('RDY is said', () => nsqd.lines(/^RDY/).length === 1);
    await waitFor(() => received.length === 3);
    expect(received[0]?.finish()).toBe(true);
    expect(received[0]?.finish()).toBe(false);
    expect(received[0]?.requeue()).toBe(false);
    received[1]?.touch();
    guest?.refuse('E_FIN_FAILED FIN aa00000000000000 failed ID not in flight');
    guest?.refuse('E_TOUCH_FAILED TOUCH bb00000000000000 failed ID not in flight');
    await waitFor(() => late.length === 2);
    expect(late).toEqual(['FIN aa00000000000000', 'TOUCH bb00000000000000']);
    // The message that could not be touched is somebody else's by now.
    expect(lost.map(({ id }) => id)).toEqual(['bb00000000000000']);
    expect(received[1]?.finish()).toBe(false);
    // CLS waits for CLOSE_WAIT, and none of the errors was taken for it.
    received[2]?.requeue(1_500);
    await consumer.close();
    expect(guest?.lines(/^(FIN|REQ|CLS|TOUCH)/)).toEqual([
      'FIN aa00000000000000',
      'TOUCH bb00000000000000',
      'REQ cc00000000000000 1500',
      'CLS',
    ]);
  });

  it('reads messages wherever the packets end', async () => {
    const nsqd = await fake();
    const { received } = await consumerOf(nsqd);
    const bytes = Buffer.concat([
      messageFrame('aa', 'x'.repeat(300)),
      frame('response', '_heartbeat_'),
      messageFrame('bb', ''),
    ]);
    for (const byte of bytes) {
      nsqd.guests[0]?.socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await nsqd.until('the heartbeat is answered', () => nsqd.lines(/^NOP/).length === 1);
    await waitFor(() => received.length === 2);
    expect(received.map(({ body }) => body.length)).toEqual([300, 0]);
  });

  it('finds out that an nsqd is silent, without a word of the socket, and dials it again', async () => {
    const nsqd = await fake();
    const { lost, received } = await consumerOf(nsqd);
    nsqd.guests[0]?.socket.write(messageFrame('aa', 'one'));
    await waitFor(() => received.length === 1);
    // No heartbeat comes: two and a half of them later it counts as dead.
    await nsqd.until('it is dialled again', () => nsqd.guests.length === 2 && nsqd.lines(/^SUB/).length === 2);
    expect(nsqd.guests[0]?.hungUp).toBe(true);
    expect(lost).toEqual(received);
  });

  it('does not give up an nsqd whose sign of life lies unread while this process is busy', async () => {
    const nsqd = await fake();
    const down: string[] = [];
    await consumerOf(nsqd, { onDown: (_nsqd, { message }) => down.push(message) });
    // n.b. the fake lives in this process: what it says is in the socket before the event loop stands still.
    nsqd.guests[0]?.socket.write(frame('response', '_heartbeat_'));
    const end = performance.now() + 3_500;
    while (performance.now() < end);
    await nsqd.until('the heartbeat is answered', () => nsqd.lines(/^NOP/).length === 1);
    nsqd.guests[0]?.socket.write(frame('response', '_heartbeat_'));
    await nsqd.until('the next one too', () => nsqd.lines(/^NOP/).length === 2);
    expect(down).toEqual([]);
  });

  it('reads every nsqd where there are fewer messages than nsqd, and never has more of them', async () => {
    const nsqds = [await fake(), await fake(), await fake()];
    const received: NsqMessage[] = [];
    let most = 0;
    const consumer = new NsqConsumer({
      ...{ nsqd: nsqds.map(({ address }) => address), topic: 'orders', channel: 'mail', maxInFlight: 1 },
      onMessages: (messages) => {
        received.push(...messages);
        most = Math.max(most, received.filter(({ state }) => state === 'in flight').length);
      },
    });
    opened.push(() => consumer.close());
    await consumer.start();
    const inFlight = (): NsqMessage | undefined => received.find(({ state }) => state === 'in flight');
    for (const [index, nsqd] of nsqds.entries()) {
      await nsqd.until('its turn comes', () => nsqd.lines(/^RDY/).at(-1) === 'RDY 1');
      nsqd.guests[0]?.socket.write(messageFrame(`a${index}`, 'one'));
      await waitFor(() => inFlight() !== undefined);
      // Sent by another just before its turn was over: it waits here.
      nsqds[(index + 1) % 3]?.guests[0]?.socket.write(messageFrame(`b${index}`, 'two'));
      await waitFor(() => consumer.unsettled.length === 2);
      inFlight()?.finish();
      await waitFor(() => received.length === 2 * index + 2);
      inFlight()?.finish();
    }
    expect(most).toBe(1);
  });

  it('asks for another message in the place of one that was set aside, and gives the place back', async () => {
    const nsqd = await fake();
    const { received } = await consumerOf(nsqd, { maxInFlight: 1 });
    nsqd.guests[0]?.socket.write(messageFrame('aa', 'one'));
    await waitFor(() => received.length === 1);
    received[0]?.setAside();
    received[0]?.setAside();
    await nsqd.until('RDY grows', () => nsqd.lines(/^RDY/).length === 2);
    received[0]?.finish();
    await nsqd.until('and shrinks', () => nsqd.lines(/^RDY/).length === 3);
    expect(nsqd.lines(/^RDY/)).toEqual(['RDY 1', 'RDY 2', 'RDY 1']);
  });

  it('gives back what it has at the end, and what comes too late for that', async () => {
    const nsqd = await fake(
      polite(({ line }, guest) => {
        if (line !== 'CLS') return false;
        guest.socket.write(messageFrame('bb', 'just sent'));
        guest.answer('CLOSE_WAIT');
        return true;
      }),
    );
    const { consumer, received } = await consumerOf(nsqd);
    nsqd.guests[0]?.socket.write(messageFrame('aa', 'one'));
    await waitFor(() => received.length === 1);
    await consumer.close();
    expect(nsqd.lines(/^(REQ|CLS)/)).toEqual(['REQ aa00000000000000 0', 'CLS', 'REQ bb00000000000000 0']);
    expect(received).toHaveLength(1);
  });

  it('closes soon when nsqd does not answer any more', async () => {
    const nsqd = await fake(polite(({ line }) => line === 'CLS'));
    const { consumer } = await consumerOf(nsqd);
    const began = performance.now();
    await consumer.close();
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it('rejects its start for what waiting does not mend, and leaves nothing behind', async () => {
    const nsqd = await fake(
      polite(
        ({ line }, guest) =>
          line.startsWith('SUB') && (guest.refuseAndHangUp('E_UNAUTHORIZED AUTH failed for SUB'), true),
      ),
    );
    await expect(consumerOf(nsqd)).rejects.toMatchObject({ reason: 'authorization', code: 'E_UNAUTHORIZED' });
    await nsqd.until('nobody is there', () => nsqd.guests.every(({ hungUp }) => hungUp));
  });
});

/** Waits for what this process is about to see. */
async function waitFor(holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 10_000; !holds();) {
    if (Date.now() > deadline) throw new Error('not within 10 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
