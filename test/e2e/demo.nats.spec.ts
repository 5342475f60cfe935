import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { SourceProcess } from './source-process.js';

const DEMO = 'apps/demo/src/main.ts';
const SHORT_DEMO = 'apps/demo/src/short-main.ts';
const RUN_MS = 240_000;
const WELL = { broker: 'nats', placed: 500, deadLettered: 2, retried: 2, lost: 0, stockConsistent: true };

describe('the demo on NATS', () => {
  const children: SourceProcess[] = [];
  afterEach(async () => {
    await Promise.all(children.splice(0).map((child) => child.end()));
  });

  const start = (env: Record<string, string | undefined>, script = DEMO): SourceProcess => {
    const child = new SourceProcess(script, ['--broker', 'nats', '--json'], { DATABASE_URL: undefined, ...env });
    children.push(child);
    return child;
  };
  const summaryOf = (demo: SourceProcess): unknown => JSON.parse(demo.lines.at(-1) ?? '');

  test(
    'starts a NATS of its own when none listens, settles every order and stops it again',
    async () => {
      const demo = start({ NATS_URL: undefined });
      expect([await demo.exited, demo.stderr]).toEqual([0, expect.stringContaining('All is well.')]);
      expect(summaryOf(demo)).toMatchObject(WELL);
    },
    RUN_MS,
  );

  test(
    'shares a NATS with another run, unseen by it, and leaves no stream behind',
    async () => {
      const demos = [start({}, SHORT_DEMO), start({}, SHORT_DEMO)];
      const ended = await Promise.all(demos.map(async (demo) => [await demo.exited, demo.stderr]));
      expect(ended).toEqual(demos.map(() => [0, expect.stringContaining('All is well.')]));
      for (const demo of demos) expect(summaryOf(demo)).toMatchObject({ ...WELL, placed: 200 });
      expect((await subjects()).filter((subject) => subject.startsWith('demo-'))).toEqual([]);
    },
    RUN_MS,
  );

  test('says what to do when the NATS that was named does not answer', async () => {
    const demo = start({ NATS_URL: 'nats://127.0.0.1:1' });
    expect(await demo.exited).toBe(2);
    expect(demo.stdout).toBe('');
    expect(demo.stderr).toMatch(/demo: \[nats\] .*NATS_URL.*127\.0\.0\.1:1.*\n$/);
  });
});

async function subjects(): Promise<string[]> {
  const connection = await connect({ servers: process.env['NATS_URL'] ?? '' });
  try {
    const found: string[] = [];
    const { streams } = await jetstreamManager(connection);
    for await (const { config } of streams.list()) found.push(...(config.subjects ?? []));
    return found;
  } finally {
    await connection.close();
  }
}
