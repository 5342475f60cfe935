import { SourceProcess } from './source-process.js';

const DEMO = 'apps/demo/src/main.ts';
const SHORT_DEMO = 'apps/demo/src/short-main.ts';
const RUN_MS = 240_000;
const WELL = { broker: 'rabbitmq', placed: 500, deadLettered: 2, retried: 2, lost: 0, stockConsistent: true };

describe('the demo on RabbitMQ', () => {
  const children: SourceProcess[] = [];
  afterEach(async () => {
    await Promise.all(children.splice(0).map((child) => child.end()));
  });

  const start = (env: Record<string, string | undefined>, script = DEMO): SourceProcess => {
    const child = new SourceProcess(script, ['--broker', 'rabbitmq', '--json'], { DATABASE_URL: undefined, ...env });
    children.push(child);
    return child;
  };
  const summaryOf = (demo: SourceProcess): unknown => JSON.parse(demo.lines.at(-1) ?? '');

  test(
    'starts a RabbitMQ of its own when none listens, settles every order and stops it again',
    async () => {
      const demo = start({ RABBITMQ_URL: undefined });
      expect([await demo.exited, demo.stderr]).toEqual([0, expect.stringContaining('All is well.')]);
      expect(summaryOf(demo)).toMatchObject(WELL);
    },
    RUN_MS,
  );

  test(
    'shares a RabbitMQ with another run, unseen by it',
    async () => {
      const demos = [start({}, SHORT_DEMO), start({}, SHORT_DEMO)];
      const ended = await Promise.all(demos.map(async (demo) => [await demo.exited, demo.stderr]));
      expect(ended).toEqual(demos.map(() => [0, expect.stringContaining('All is well.')]));
      for (const demo of demos) expect(summaryOf(demo)).toMatchObject({ ...WELL, placed: 200 });
    },
    RUN_MS,
  );

  test('says what to do when the RabbitMQ that was named does not answer', async () => {
    const demo = start({ RABBITMQ_URL: 'amqp://someone:secret@127.0.0.1:1' });
    expect(await demo.exited).toBe(2);
    expect(demo.stdout).toBe('');
    expect(demo.stderr).toMatch(/demo: \[rabbitmq\] .*RABBITMQ_URL/);
    expect(demo.stderr).not.toContain('secret');
  });
});
