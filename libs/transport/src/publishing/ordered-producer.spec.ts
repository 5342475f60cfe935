import type { OutgoingMessage, Producer, PublishReceipt, SendResult, SendWindow } from '../contract/index.js';
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
}

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
        store: (index) => window?.stored(index, results[index] as PublishReceipt),
      });
    });
  }
}

describe('the sends of one application', () => {
  it('run one after the other for one topic, in the order of the calls', async () => {
    const driver = new HeldProducer();
    const producer = new OrderedProducer(driver);
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
    const producer = new OrderedProducer(driver);
    void producer.send([message('stuck', '1')]);
    void producer.send([message('stuck', '2')]);
    const other = producer.send([message('b', '3')]);
    driver.underWay[1]?.end();
    expect(await other).toEqual([expect.objectContaining({ id: '3' })]);
    expect(driver.started).toEqual([['1'], ['3']]);
  });

  it('of several topics are split by topic, and answered in the order given', async () => {
    const driver = new HeldProducer();
    const producer = new OrderedProducer(driver);
    const sent = producer.send([message('a', '1'), message('b', '2'), message('a', '3')]);
    expect(driver.started).toEqual([['1', '3'], ['2']]);
    driver.underWay.forEach(({ end }) => end());
    expect((await sent).map((result) => (result as { id: string }).id)).toEqual(['1', '2', '3']);
  });

  it('of several topics report early by the position in the whole call', async () => {
    const reported: unknown[] = [];
    const driver = new HeldProducer();
    const sent = new OrderedProducer(driver).send([message('a', '1'), message('b', '2'), message('a', '3')], {
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
    const producer = new OrderedProducer(driver);
    const broken = producer.send([message('a', '1')]);
    const next = producer.send([message('a', '2')]);
    driver.underWay[0]?.fail();
    await expect(broken).rejects.toThrow('broken driver');
    await turn();
    driver.underWay[1]?.end();
    expect(await next).toHaveLength(1);
  });
});
