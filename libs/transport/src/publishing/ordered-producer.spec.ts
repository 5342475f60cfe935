import {
  Notices,
  type BrokerHealth,
  type OutgoingMessage,
  type Producer,
  type PublishReceipt,
  type SendResult,
  type SendWindow,
} from '../contract/index.js';
import { systemClock } from '../shared/index.js';
import { ManualClock } from '../testing/manual-clock.js';
import { OrderedProducer } from './ordered-producer.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const message = (topic: string, id: string): OutgoingMessage => ({
  topic,
  id,
  key: undefined,
  body: Buffer.from(id),
  headers: undefined,
  partition: undefined,
});

interface UnderWay {
  readonly ids: string[];
  readonly end: () => void;
  readonly fail: () => void;
  /** Reports one message early. */
  readonly store: (index: number) => void;
  /** Takes more messages. */
  readonly grow: () => void;
}

/** A window over messages without end. */
const endless: SendWindow = { stored: () => undefined, next: () => [message('a', 'more')] };

/** A producer with a clock of the test's own. */
function timed(health: () => BrokerHealth = () => ({ status: 'up', problems: [] })) {
  const [clock, notices, driver] = [new ManualClock(), new Notices(), new HeldProducer()];
  const warned: string[] = [];
  notices.on('broker:warned', ({ warning }) => warned.push(warning));
  const producer = new OrderedProducer(driver, { clock, notices, broker: 'default' }, health);
  return { clock, driver, producer, warned };
}

const ordered = (driver: Producer): OrderedProducer => {
  const host = { clock: systemClock, notices: new Notices(), broker: 'default' };
  const producer = new OrderedProducer(driver, host, () => ({ status: 'up', problems: [] }));
  opened.push(producer);
  return producer;
};
const opened: OrderedProducer[] = [];
afterEach(() => opened.splice(0).forEach((producer) => producer.close()));

/** Keeps every send under way until a test ends it. */
class HeldProducer implements Producer {
  readonly maxBytes = 10;
  readonly maxRequestBytes = 100;
  readonly underWay: UnderWay[] = [];
  readonly started: string[][] = [];

  check(): void {}

  send(messages: readonly OutgoingMessage[], window?: SendWindow): Promise<readonly SendResult[]> {
    const ids = messages.map(({ id }) => id);
    this.started.push(ids);
    return new Promise((resolve, reject) => {
      const results = messages.map(({ id, topic }) => ({ id, topic, partition: undefined, offset: undefined }));
      this.underWay.push({
        ids,
        end: () => resolve(results),
        fail: () => reject(new Error('broken driver')),
        store: (index) => window?.stored(index, (results[index] ?? results[0]) as PublishReceipt),
        grow: () => void window?.next(1),
      });
    });
  }
}

describe('the sends of one application', () => {
  it('run one after the other for one topic, in the order of the calls', async () => {
    const driver = new HeldProducer();
    const producer = ordered(driver);
    const sends = ['1', '2', '3'].map((id) => producer.send([message('a', id)]));
    await turn();
    expect(driver.started).toEqual([['1']]);
    driver.underWay[0]?.end();
    await turn();
    expect(driver.started).toEqual([['1'], ['2']]);
    driver.underWay[1]?.end();
    await turn();
    driver.underWay[2]?.end();
    await Promise.all(sends);
    expect(driver.started).toEqual([['1'], ['2'], ['3']]);
  });

  it('to other topics start at once while one topic does not answer', async () => {
    const driver = new HeldProducer();
    const producer = ordered(driver);
    void producer.send([message('stuck', '1')]);
    void producer.send([message('stuck', '2')]);
    const other = producer.send([message('b', '3')]);
    driver.underWay[1]?.end();
    expect(await other).toEqual([expect.objectContaining({ id: '3' })]);
    expect(driver.started).toEqual([['1'], ['3']]);
  });

  it('of several topics are split by topic, and answered in the order given', async () => {
    const driver = new HeldProducer();
    const producer = ordered(driver);
    const sent = producer.send([message('a', '1'), message('b', '2'), message('a', '3')]);
    expect(driver.started).toEqual([['1', '3'], ['2']]);
    driver.underWay.forEach(({ end }) => end());
    expect((await sent).map((result) => (result as { id: string }).id)).toEqual(['1', '2', '3']);
  });

  it('of several topics report early by the position in the whole call', async () => {
    const reported: unknown[] = [];
    const driver = new HeldProducer();
    const sent = ordered(driver).send([message('a', '1'), message('b', '2'), message('a', '3')], {
      stored: (index, { id }) => reported.push([index, id]),
      next: () => [],
    });
    driver.underWay[0]?.store(1);
    driver.underWay[1]?.store(0);
    expect(reported).toEqual([
      [2, '3'],
      [1, '2'],
    ]);
    driver.underWay.forEach(({ end }) => end());
    await sent;
  });

  it('go on after one that a broken driver rejected', async () => {
    const driver = new HeldProducer();
    const producer = ordered(driver);
    const broken = producer.send([message('a', '1')]);
    const next = producer.send([message('a', '2')]);
    driver.underWay[0]?.fail();
    await expect(broken).rejects.toThrow('broken driver');
    await turn();
    driver.underWay[1]?.end();
    expect(await next).toHaveLength(1);
  });
});

describe('a send', () => {
  const unanswered = (topic: string, seconds: number): string =>
    `Messages for "${topic}" have waited ${seconds} s for the broker's confirmation.`;

  it('without an answer for 5 seconds is a problem, warned of once, until it ends', async () => {
    const { clock, driver, producer, warned } = timed();
    const sent = producer.send([message('a', '1')]);
    void producer.send([message('a', '2')]);
    clock.advance(4_900);
    expect([producer.problems, warned]).toEqual([[], []]);
    clock.advance(1_100);
    expect([producer.problems, warned]).toEqual([[unanswered('a', 6)], [unanswered('a', 5)]]);
    driver.underWay[0]?.end();
    await sent;
    await turn();
    expect(producer.problems).toEqual([]);
  });

  it('whose window grows is none while its messages are stored, however long it is under way', () => {
    const { clock, driver, producer, warned } = timed();
    void producer.send([message('a', '1')], endless);
    for (let n = 0; n < 30; n++) {
      driver.underWay[0]?.grow();
      clock.advance(1_000);
      driver.underWay[0]?.store(n);
    }
    expect([producer.problems, warned]).toEqual([[], []]);
  });

  it('whose window grows is a problem when some of its messages wait while others are stored, and none once they are stored', () => {
    const { clock, driver, producer, warned } = timed();
    void producer.send([message('a', 'stuck')], endless);
    for (let n = 1; n < 8; n++) {
      driver.underWay[0]?.grow();
      clock.advance(1_000);
      driver.underWay[0]?.store(n);
    }
    expect([producer.problems, warned]).toEqual([[unanswered('a', 7)], [unanswered('a', 5)]]);
    driver.underWay[0]?.store(0);
    expect(producer.problems).toEqual([]);
  });

  it('is no problem of its topic while the driver is down, which says so itself', () => {
    let status: BrokerHealth['status'] = 'down';
    const { clock, producer, warned } = timed(() => ({ status, problems: [] }));
    void producer.send([message('a', '1')]);
    clock.advance(30_000);
    expect([producer.problems, warned]).toEqual([[], []]);
    status = 'degraded';
    clock.advance(1_000);
    expect(warned).toHaveLength(1);
  });

  it('that is never answered leaves no timer behind once it is reported', () => {
    const { clock, producer } = timed();
    void producer.send([message('a', '1')]);
    clock.advance(6_000);
    expect(clock.pending).toBe(0);
  });

  it('that is under way when the connection closes leaves no timer behind', () => {
    const { clock, producer } = timed();
    void producer.send([message('a', '1')]);
    producer.close();
    expect(clock.pending).toBe(0);
  });
});
