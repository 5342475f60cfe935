import { Controller } from '@nestjs/common';
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from 'kafkajs';
import { describeTransport, Subscribe, type SubscribeOptions } from 'nest-transport';
import { kafka, type KafkaOptions } from 'nest-transport/kafka';
import { startKafka, type PrivateKafka, type Secure } from '../../tools/brokers/kafka.mjs';
import { create, refusal, rootModule, start } from '../nest/boot.js';
import { closeAll, connected, newTopic, sharedBrokers, uniqueName, withAdmin } from './support.js';

afterEach(closeAll);

function appModule(topic: string, options: SubscribeOptions, driver: Partial<KafkaOptions> = {}): new () => object {
  @Controller()
  class Stock {
    @Subscribe(topic, options)
    move(): void {}
  }
  const broker = kafka({ brokers: sharedBrokers(), ...driver });
  return rootModule({ controllers: [Stock] }, { broker, subscriptions: {} });
}

describe('Kafka says how it really keeps a topic', () => {
  it('replicas, in-sync replicas, elections and times, by its own names; of a topic that is not there, nothing', async () => {
    const topic = await newTopic(2, { 'min.insync.replicas': '1', 'retention.ms': '3600000' });
    const side = await connected();
    const questions = [topic, uniqueName('nowhere')].map((name) => ({ topic: name, group: 'g' }));
    expect(await side.connection.describe?.(questions)).toMatchObject({
      confirmedBy: 'all',
      idempotent: true,
      // One broker cannot keep two copies: a start does not warn of that.
      inherent: ['one-copy'],
      topics: [
        {
          storage: 'disk',
          copies: 1,
          confirmedCopies: 1,
          staleElection: false,
          keptMs: 3_600_000,
          settings: { 'replication.factor': 1, 'min.insync.replicas': 1, 'cleanup.policy': 'delete' },
        },
        undefined,
      ],
    });
  });

  it('to a module that is only described, and makes nothing', async () => {
    const topic = await newTopic(1, { 'unclean.leader.election.enable': 'true' });
    const { subscriptions, brokers } = await describeTransport(appModule(topic, {}, { acks: 'leader' }), {
      logger: false,
    });
    expect(brokers).toMatchObject([
      { settings: { acks: 'leader', idempotent: false }, publishing: { level: 'may-lose' } },
    ]);
    const { level, reasons } = subscriptions[0]?.guarantee ?? { reasons: [] };
    expect({ level, codes: reasons.map(({ code, topic: of }) => [code, of]) }).toEqual({
      level: 'may-lose',
      codes: [
        ['one-copy', topic],
        ['stale-election', topic],
        ['confirmed-by-leader', undefined],
        ['topic-missing', `${topic}.test.dead-letter`],
        ['kept-for-a-time', topic],
      ],
    });
    const made = await withAdmin((admin) => admin.listTopics());
    expect(made).not.toContain(`${topic}.test.dead-letter`);
  });

  it('so that a start which asks for more is refused, with what to do in its own words', async () => {
    const topic = await newTopic(1);
    const wanted = { guarantee: 'at-least-once', deadLetterTopic: await newTopic(1) } as const;
    const app = await create('hybrid', appModule(topic, wanted));
    const error = await refusal(start(app));
    expect(error.message).toContain(`Topic "${topic}": each message is stored on a single server`);
    expect(error.message).toContain('Create the topic with replication factor 3. ');
    expect(error).toMatchObject({ code: 'TRANSPORT_GUARANTEE_UNMET', driver: 'kafka' });
  });
});

describe('a Kafka with rights', () => {
  let server: PrivateKafka;
  let secure: Secure;
  beforeAll(async () => {
    const config = {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
    };
    server = await startKafka({ security: true, config });
    secure = server.secure as Secure;
  }, 120_000);
  afterAll(() => server.stop());

  it('leaves a guarantee unknown where the login may not read the settings, and says which right is missing', async () => {
    const [readable, closed] = [await newTopic(1, {}, server.brokers), await newTopic(1, {}, server.brokers)];
    const allow = (resourceName: string, operation: AclOperationTypes) => ({
      resourceType: AclResourceTypes.TOPIC,
      resourceName,
      resourcePatternType: ResourcePatternTypes.LITERAL,
      principal: `User:${secure.users.plain.username}`,
      host: '*',
      operation,
      permissionType: AclPermissionTypes.ALLOW,
    });
    const acl = [
      allow(readable, AclOperationTypes.DESCRIBE),
      allow(readable, AclOperationTypes.DESCRIBE_CONFIGS),
      allow(closed, AclOperationTypes.DESCRIBE),
    ];
    await withAdmin((admin) => admin.createAcls({ acl }), server.brokers);
    const login = { brokers: secure.sasl, sasl: { mechanism: 'plain', ...secure.users.plain } } as const;
    const side = await connected(login);
    const questions = [readable, closed].map((topic) => ({ topic, group: 'g' }));
    const facts = await side.connection.describe?.(questions);
    expect(facts?.topics).toMatchObject([
      { copies: 1, confirmedCopies: 1 },
      { copies: 1, unknown: expect.any(String) },
    ]);
    expect(facts?.topics[0]).not.toHaveProperty('unknown');
    const { subscriptions } = await describeTransport(appModule(closed, { deadLetterTopic: false }, login), {
      logger: false,
    });
    expect(subscriptions[0]?.guarantee.reasons.find(({ code }) => code === 'not-readable')).toMatchObject({
      remedy: 'Grant this user DescribeConfigs on the topic (ACL).',
    });
  });
});
