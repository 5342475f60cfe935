import { Kafka, logLevel } from 'kafkajs';
import { SourceProcess } from './source-process.js';

const DEMO = 'apps/demo/src/main.ts';
const SHORT_DEMO = 'apps/demo/src/short-main.ts';
const RUN_MS = 240_000;
const WELL = { broker: 'kafka', placed: 500, deadLettered: 2, retried: 2, lost: 0, stockConsistent: true };

describe('the demo on Kafka', () => {
  const children: SourceProcess[] = [];
  afterEach(async () => {
    await Promise.all(children.splice(0).map((child) => child.end()));
  });

  const start = (env: Record<string, string | undefined>, script = DEMO): SourceProcess => {
    const child = new SourceProcess(script, ['--broker', 'kafka', '--json'], { DATABASE_URL: undefined, ...env });
    children.push(child);
    return child;
  };
  const summaryOf = (demo: SourceProcess): unknown => JSON.parse(demo.lines.at(-1) ?? '');

  test(
    'starts a Kafka of its own when none listens, settles every order and stops it again',
    async () => {
      const demo = start({ KAFKA_BROKERS: undefined });
      expect([await demo.exited, demo.stderr]).toEqual([0, expect.stringContaining('All is well.')]);
      expect(summaryOf(demo)).toMatchObject(WELL);
    },
    RUN_MS,
  );

  test(
    'shares a Kafka with another run, unseen by it, and leaves no topic and no group behind',
    async () => {
      const names = await kafkaNames();
      const demos = [start({}, SHORT_DEMO), start({}, SHORT_DEMO)];
      const ended = await Promise.all(demos.map(async (demo) => [await demo.exited, demo.stderr]));
      expect(ended).toEqual(demos.map(() => [0, expect.stringContaining('All is well.')]));
      for (const demo of demos) expect(summaryOf(demo)).toMatchObject({ ...WELL, placed: 200 });
      expect((await kafkaNames()).filter((name) => name.startsWith('demo-') && !names.includes(name))).toEqual([]);
    },
    RUN_MS,
  );

  test('says what to do when the Kafka that was named does not answer', async () => {
    const demo = start({ KAFKA_BROKERS: '127.0.0.1:1' });
    expect(await demo.exited).toBe(2);
    expect(demo.stdout).toBe('');
    expect(demo.stderr).toMatch(/demo: \[kafka\] .*KAFKA_BROKERS.*127\.0\.0\.1:1.*\n$/);
  });
});

async function kafkaNames(): Promise<string[]> {
  const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
  const admin = new Kafka({ clientId: 'e2e', brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const { groups } = await admin.listGroups();
    return [...(await admin.listTopics()), ...groups.map(({ groupId }) => groupId)];
  } finally {
    await admin.disconnect();
  }
}
