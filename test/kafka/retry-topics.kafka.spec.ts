import { isTransportError, type MessageContext } from 'nest-transport';
import { kafka, type KafkaOptions } from 'nest-transport/kafka';
import { runConformanceCase, type ConformanceCase } from 'nest-transport/conformance';
import { closeAll, newTopic, sharedBrokers, until } from './support.js';

afterEach(closeAll);

const CLOCK_SLACK_MS = 5;
const onceEach = { maxAttempts: 1, initialDelayMs: 1, maxDelayMs: 1 } as const;

/** Plays one scene on the conformance suite's stage, which closes what it opens. */
async function play(options: Partial<KafkaOptions>, run: ConformanceCase['run']): Promise<void> {
  const createBroker = () => kafka({ brokers: sharedBrokers(), provision: { partitions: 3 }, ...options });
  const scene: ConformanceCase = { name: 'retry-topics', title: 'keeps what waits in retry topics', run };
  const { outcome, error } = await runConformanceCase(scene, { name: 'kafka', createBroker, deadlineMs: 30_000 });
  expect([outcome, error]).toEqual(['passed', undefined]);
}

it(
  'messages that wait are shared anew when a member joins: each is tried once more, by one of them, and none early',
  () =>
    play({}, async (stage) => {
      const [waitMs, count] = [3_000, 60];
      const failFirst = (_: unknown, { attempt }: MessageContext): void => {
        if (attempt === 1) throw new Error('the bank is away');
      };
      const subscription = {
        ordering: 'none',
        retry: { ...onceEach, redeliveryDelaysMs: [waitMs] },
        handle: failFirst,
      } as const;
      const first = await stage.subscribe(subscription);
      await (await stage.publisher()).publishNumbers(count, (n) => `k${n}`);
      await stage.until('all wait', () => first.noticesOf('message:retry-scheduled').length === count);
      const second = await stage.subscribe(subscription);
      await stage.until('all are settled', () => first.settled + second.settled >= count);
      const received = [...first.received, ...second.received];
      const begun = new Map(received.filter(({ attempt }) => attempt === 1).map(({ id, at }) => [id, at]));
      const again = received.filter(({ attempt }) => attempt === 2);
      expect([begun.size, received.length, again.length]).toEqual([count, 2 * count, count]);
      const waits = again.map(({ id, at }) => at - (begun.get(id) ?? 0));
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(waitMs - CLOCK_SLACK_MS);
      expect(second.received.length).toBeGreaterThan(0);
    }),
  40_000,
);

it(
  'messages that wait take no room of maxUncommitted from those of their topic',
  () =>
    play({ maxUncommitted: 1 }, async (stage) => {
      const [bad, good] = [6, 4];
      const subscriber = await stage.subscribe({
        ...{ ordering: 'none', concurrency: 1, maxInFlight: 1, retry: { ...onceEach, redeliveryDelaysMs: [60_000] } },
        handle: (payload) => {
          if ((payload as { n: number }).n < bad) throw new Error('the bank is away');
        },
      });
      const publisher = await stage.publisher();
      await publisher.publishNumbers(bad, (n) => `k${n}`);
      await stage.until('all that failed wait', () => subscriber.noticesOf('message:retry-scheduled').length === bad);
      const waiting = () => stage.intake.deliveries.filter(({ topic }) => topic.endsWith('.retry-1')).length;
      await until('one that waits was handed over', () => waiting() >= 1);
      const numbers = Array.from({ length: good }, (_, n) => n + bad);
      await Promise.all(numbers.map((n) => publisher.publish(stage.topic, { n }, { key: `k${n}` })));
      await subscriber.untilSettled(good);
      expect(stage.intake.unasked).toEqual([]);
      expect(subscriber.connection.health()).toEqual({ status: 'up', problems: [] });
    }),
  40_000,
);

it('retry topics that are not there and may not be made are named at start, all of them', async () => {
  const topic = await newTopic();
  await play({ provision: false }, async (stage) => {
    const retry = { ...onceEach, redeliveryDelaysMs: [1_000, 2_000] };
    const subscription = { topic, group: 'bank', ordering: 'none', deadLetterTopic: false, retry } as const;
    const error: unknown = await stage.subscribe(subscription).catch((thrown: unknown) => thrown);
    expect(isTransportError(error, 'TRANSPORT_TOPIC_MISSING')).toBe(true);
    expect(String(error)).toContain(`topic "${topic}.bank.retry-1", "${topic}.bank.retry-2" does not exist`);
  });
}, 40_000);
