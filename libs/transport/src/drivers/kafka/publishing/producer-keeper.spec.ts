import { systemClock } from '../../../shared/index.js';
import type { ClientProducer, KafkaClient, SendOutcome } from '../client/seam.js';
import { ProducerKeeper } from './producer-keeper.js';

class FakeProducer implements ClientProducer {
  closed = 0;
  leaderOf = (): number => 1;
  answer: () => void = () => undefined;

  send(): Promise<SendOutcome> {
    return new Promise((resolve) => (this.answer = () => resolve({ stored: [], failed: [] })));
  }

  close(): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }
}

/** A cluster whose answers may wait. */
class FakeClient {
  readonly topics = new Set<string>();
  readonly producers: FakeProducer[] = [];
  /** Each look for topics waits for what this returns. */
  gate: (topics: readonly string[]) => Promise<void> = () => Promise.resolve();

  openProducer(): Promise<ClientProducer> {
    const producer = new FakeProducer();
    this.producers.push(producer);
    return Promise.resolve(producer);
  }

  async describeTopics(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const asked = [...topics];
    await this.gate(asked);
    return new Map(asked.filter((topic) => this.topics.has(topic)).map((topic) => [topic, 1]));
  }
}

function keeperOf(...topics: string[]): { client: FakeClient; keeper: ProducerKeeper } {
  const client = new FakeClient();
  for (const topic of topics) client.topics.add(topic);
  return { client, keeper: new ProducerKeeper(systemClock, client as unknown as KafkaClient, false) };
}

describe('the producer of a connection', () => {
  it('stays open while concurrent sends meet new topics', async () => {
    const { client, keeper } = keeperOf('a', 'b', 'c');
    await keeper.open(new Set(['a']));
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    // The look of the second send for deleted topics waits while the third send learns its topic.
    client.gate = () => ((client.gate = () => Promise.resolve()), released);
    const second = keeper.open(new Set(['b']));
    const third = await keeper.open(new Set(['c']));
    release();
    expect(await second).toBe(third);
    expect(client.producers.map(({ closed }) => closed)).toEqual([0]);
  });

  it('is replaced when a topic that it knows was deleted', async () => {
    const { client, keeper } = keeperOf('a', 'b');
    const first = await keeper.open(new Set(['a']));
    client.topics.delete('a');
    expect(await keeper.open(new Set(['b']))).not.toBe(first);
    expect(client.producers.map(({ closed }) => closed)).toEqual([1, 0]);
  });

  it('closes after its sends in flight when it is discarded', async () => {
    const { client, keeper } = keeperOf('a');
    const producer = await keeper.open(new Set(['a']));
    const [fake] = client.producers;
    const sending = keeper.send(producer, new Map());
    keeper.discard(producer);
    expect(fake?.closed).toBe(0);
    fake?.answer();
    await sending;
    expect(fake?.closed).toBe(1);
  });

  it('closes at once with the connection, whatever is in flight', async () => {
    const { client, keeper } = keeperOf('a');
    const producer = await keeper.open(new Set(['a']));
    void keeper.send(producer, new Map());
    keeper.discard(producer);
    await keeper.close();
    expect(client.producers.map(({ closed }) => closed)).toEqual([1]);
  });
});
