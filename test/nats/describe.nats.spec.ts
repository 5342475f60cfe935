import { Controller } from '@nestjs/common';
import { describeTransport, Subscribe, type SubscribeOptions } from 'nest-transport';
import { nats, type NatsOptions } from 'nest-transport/nats';
import { create, refusal, rootModule, start } from '../nest/boot.js';
import { closeAll, connected, manager, newStream, sharedUrl, uniqueName } from './support.js';

afterEach(closeAll);

const nanoseconds = (ms: number): number => ms * 1_000_000;

function appModule(topic: string, options: SubscribeOptions, driver: Partial<NatsOptions> = {}): new () => object {
  @Controller()
  class Stock {
    @Subscribe(topic, options)
    move(): void {}
  }
  return rootModule(
    { controllers: [Stock] },
    { broker: nats({ servers: [sharedUrl()], ...driver }), subscriptions: {} },
  );
}

const streamsOf = async (topic: string): Promise<string[]> => {
  const names: string[] = [];
  for await (const name of (await manager()).streams.names(topic)) names.push(name);
  return names;
};

describe('NATS says how it really keeps a topic', () => {
  it('replicas, storage and times, by its own names; of a topic that no stream holds, nothing', async () => {
    const [onDisk, inMemory, nowhere] = [uniqueName('disk'), uniqueName('memory'), uniqueName('nowhere')];
    await newStream([onDisk], { max_age: nanoseconds(3_600_000) });
    await newStream([inMemory], { storage: 'memory' });
    const side = await connected({ provision: {} });
    const questions = [nowhere, inMemory, onDisk, inMemory].map((topic) => ({ topic, group: 'g' }));
    const memory = { storage: 'memory', copies: 1, confirmedCopies: 1, staleElection: false };
    const facts = await side.connection.describe?.(questions);
    expect(facts).toMatchObject({
      confirmedBy: 'all',
      // One server cannot keep two copies: a start does not warn of that.
      inherent: ['one-copy'],
      topics: [
        undefined,
        memory,
        {
          storage: 'disk',
          copies: 1,
          confirmedCopies: 1,
          staleElection: false,
          keptMs: 3_600_000,
          settings: { storage: 'file', num_replicas: 1, max_age: nanoseconds(3_600_000), retention: 'limits' },
        },
        memory,
      ],
    });
    expect(facts?.topics[1]).not.toHaveProperty('keptMs');
    expect(await streamsOf(nowhere)).toEqual([]);
  });

  it('to a module that is only described, and makes nothing', async () => {
    const topic = uniqueName('described');
    await newStream([topic], { storage: 'memory', max_age: nanoseconds(60_000) });
    const root = appModule(topic, {}, { provision: {} });
    const { subscriptions, brokers } = await describeTransport(root, { logger: false });
    expect(brokers).toMatchObject([{ publishing: { level: 'at-least-once' } }]);
    const { level, reasons } = subscriptions[0]?.guarantee ?? { reasons: [] };
    expect({ level, codes: reasons.map(({ code, topic: of }) => [code, of]) }).toEqual({
      level: 'may-lose',
      codes: [
        ['kept-in-memory', topic],
        ['one-copy', topic],
        ['topic-missing', `${topic}.test.dead-letter`],
        ['kept-for-a-time', topic],
      ],
    });
    expect(await streamsOf(`${topic}.test.dead-letter`)).toEqual([]);
  });

  it('so that waits longer than a stream keeps its messages are told: the message would be deleted while it waits', async () => {
    const topic = uniqueName('impatient');
    await newStream([topic], { max_age: nanoseconds(60_000) });
    const codes = async (redeliveryDelaysMs: readonly number[]) => {
      const root = appModule(topic, { ordering: 'none', deadLetterTopic: false, retry: { redeliveryDelaysMs } });
      const { subscriptions } = await describeTransport(root, { logger: false });
      return subscriptions[0]?.guarantee.reasons.map(({ code }) => code);
    };
    expect(await codes([60_000])).toContain('waits-too-long');
    expect(await codes([59_000])).not.toContain('waits-too-long');
  });

  it('so that a start which asks for more is refused, with what to do in its own words', async () => {
    const topic = uniqueName('refused');
    const app = await create('hybrid', appModule(topic, { guarantee: 'at-least-once' }, { provision: {} }));
    const error = await refusal(start(app));
    expect(error.message).toContain(`Topic "${topic}": one server alone keeps each message`);
    expect(error.message).toContain('Give the stream 3 replicas: nats stream edit <stream> --replicas 3.');
    expect(error).toMatchObject({ code: 'TRANSPORT_GUARANTEE_UNMET', driver: 'nats' });
  });

  it('and that core NATS keeps nothing', async () => {
    const root = appModule(uniqueName('core'), { retry: { maxAttempts: 1 }, deadLetterTopic: false }, { mode: 'core' });
    const { subscriptions, brokers } = await describeTransport(root, { logger: false });
    expect(brokers).toMatchObject([{ publishing: { level: 'may-lose' } }]);
    const { level, reasons } = subscriptions[0]?.guarantee ?? { reasons: [] };
    expect(level).toBe('at-most-once');
    expect(reasons.find(({ code }) => code === 'not-stored')).toMatchObject({
      remedy: "Leave mode: 'core' out of nats(), so that JetStream keeps the messages.",
    });
  });
});
