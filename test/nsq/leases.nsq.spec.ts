import { setImmediate as turn } from 'node:timers/promises';
import { ManualClock } from 'nest-transport/testing';
import { NsqConsumer, NsqdAdmin, type NsqConsumerOptions, type NsqMessage } from 'nest-transport/nsq/client';
import { FakeNsqd, frame, messageFrame, polite } from './fake-nsqd.js';
import { sharedHttp, uniqueName } from './support.js';

/*
 * Who has a message, and who may send one, by a clock that stands still unless it is told to go on.
 */
const MESSAGE_TIMEOUT_MS = 60_000;
const HEARTBEAT_MS = 10_000;
const TURN_MS = 250;

/** A clock of a process that can be stopped: time goes on and nothing is done. */
class StoppableClock extends ManualClock {
  #stoodMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.#stoodMs;
  }

  stand(ms: number): void {
    this.#stoodMs += ms;
  }
}

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** Sends no message by itself. */
async function fake(): Promise<FakeNsqd> {
  const nsqd = await FakeNsqd.start(polite());
  opened.push(() => nsqd.stop());
  return nsqd;
}

async function consumerOf(nsqds: readonly FakeNsqd[], options: Partial<NsqConsumerOptions> = {}) {
  const clock = new StoppableClock();
  const received: NsqMessage[] = [];
  const lost: NsqMessage[] = [];
  const consumer = new NsqConsumer({
    ...{ nsqd: nsqds.map(({ address }) => address), topic: 'orders', channel: 'mail' },
    ...{ heartbeatIntervalMs: HEARTBEAT_MS, clock },
    onMessages: (messages) => received.push(...messages),
    onLost: (messages) => lost.push(...messages),
    ...options,
  });
  opened.push(() => consumer.close());
  await consumer.start();
  await Promise.all(nsqds.map((nsqd) => nsqd.until('it is read from', () => nsqd.lines(/^SUB/).length === 1)));
  return { clock, received, lost };
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await turn();
}

const send = (nsqd: FakeNsqd, id: string): void => void nsqd.guests[0]?.socket.write(messageFrame(id, 'x'));
const ready = (nsqd: FakeNsqd): string | undefined => nsqd.lines(/^RDY/).at(-1);

describe('fewer messages than nsqd', () => {
  it('let each nsqd send in turn although the one place is always taken', async () => {
    const nsqds = [await fake(), await fake()] as const;
    const { clock, received } = await consumerOf(nsqds, { maxInFlight: 1 });
    const has = (nsqd: FakeNsqd) => ready(nsqd) === 'RDY 1';
    await Promise.race(nsqds.map((nsqd) => nsqd.until('it has the place', () => has(nsqd))));
    const [first, second] = has(nsqds[0]) ? nsqds : [nsqds[1], nsqds[0]];
    send(first, 'a1');
    await until(() => received.length === 1);

    clock.advance(TURN_MS);
    await first.until('its place is taken from it', () => ready(first) === 'RDY 0');
    // It has the place still, as long as its message is not settled.
    clock.advance(TURN_MS);
    expect(has(second)).toBe(false);
    received[0]?.finish();
    await second.until('it has the place', () => has(second));

    send(second, 'b1');
    await until(() => received.length === 2);
    clock.advance(TURN_MS);
    received[1]?.finish();
    await first.until('it has the place again', () => has(first));
  });
});

describe('a message', () => {
  it('is no longer kept shortly before the time in which nsqd gives it to somebody else, unless it was touched', async () => {
    const nsqd = await fake();
    const { clock, received } = await consumerOf([nsqd], { heartbeatIntervalMs: MESSAGE_TIMEOUT_MS });
    send(nsqd, 'a1');
    await until(() => received.length === 1);
    const [message] = received as [NsqMessage];
    clock.advance(MESSAGE_TIMEOUT_MS / 2);
    expect(message.isKept).toBe(true);
    message.touch();
    clock.advance(MESSAGE_TIMEOUT_MS / 2);
    expect(message.isKept).toBe(true);
    clock.advance(MESSAGE_TIMEOUT_MS / 2);
    expect(message.isKept).toBe(false);
    message.touch();
    expect(message.isKept).toBe(false);
  });

  it('is not kept when nothing came from nsqd for two heartbeats', async () => {
    const nsqd = await fake();
    const { clock, received } = await consumerOf([nsqd]);
    send(nsqd, 'a1');
    await until(() => received.length === 1);
    for (let beats = 0; beats < 4; beats++) clock.advance(HEARTBEAT_MS / 2);
    expect(received[0]?.isKept).toBe(true);
    clock.advance(HEARTBEAT_MS / 4);
    expect(received[0]?.isKept).toBe(false);
  });

  it('that is read after the process stood still counts from before, until nsqd has answered', async () => {
    const nsqd = await fake();
    const { clock, received } = await consumerOf([nsqd]);
    // What a stopped process does not do: look. The clock runs all the same.
    clock.stand(HEARTBEAT_MS * 2);
    send(nsqd, 'a1');
    await until(() => received.length === 1);
    expect(received[0]?.isKept).toBe(false);

    await nsqd.until('it is asked', () => nsqd.lines(/^TOUCH 0{16}$/).length === 1);
    nsqd.guests[0]?.socket.write(
      Buffer.concat([
        messageFrame('a2', 'x'),
        frame('error', `E_TOUCH_FAILED TOUCH ${'0'.repeat(16)} failed ID not in flight`),
        messageFrame('a3', 'x'),
      ]),
    );
    await until(() => received.length === 3);
    expect(received.map(({ receivedAtMs }) => receivedAtMs === clock.monotonicMs())).toEqual([false, false, true]);
    expect(received[2]?.isKept).toBe(true);
  });

  it('that comes again was taken back before: the first of the two is lost', async () => {
    const nsqd = await fake();
    const { received, lost } = await consumerOf([nsqd]);
    for (const count of [1, 2]) {
      send(nsqd, 'a1');
      await until(() => received.length === count);
    }
    expect(lost).toEqual([received[0]]);
    expect([received[0]?.finish(), received[1]?.finish()]).toEqual([false, true]);
  });
});

describe('NsqdAdmin.createChannel', () => {
  it('creates the topic as well where it is not there', async () => {
    const admin = new NsqdAdmin(`http://${sharedHttp()}`);
    const topic = uniqueName('orders');
    await admin.createChannel(topic, 'mail');
    expect((await admin.stats(topic))[0]?.channels.map(({ channel_name }) => channel_name)).toEqual(['mail']);
  });
});
