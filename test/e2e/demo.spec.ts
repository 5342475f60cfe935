import { SourceProcess } from './source-process.js';

const DEMO = 'apps/demo/src/main.ts';
const RUN_MS = 240_000;

describe('the demo on the memory broker', () => {
  let child: SourceProcess;
  afterEach(() => child.end());

  const start = (args: readonly string[], script = DEMO): SourceProcess =>
    (child = new SourceProcess(script, args, { DATABASE_URL: undefined }));

  test(
    'settles every order, serves until Ctrl-C, and ends with one JSON line and exit code 0',
    async () => {
      const demo = start(['--json', '--serve']);
      const [, orders] = await demo.printed(/curl -s -X POST (\S+)\/orders /);
      const order = { userId: 'visitor', items: [{ sku: 'not-sold', quantity: 1, unitPriceCents: 100 }] };
      const answer = await fetch(`${orders}/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(order),
      });
      expect(answer.status).toBe(201);
      demo.kill('SIGINT');
      expect(await demo.exited).toBe(0);

      expect(demo.lines).toHaveLength(1);
      const summary = JSON.parse(demo.lines[0] ?? '') as Record<string, number>;
      expect(summary).toEqual({
        broker: 'memory',
        placed: 500,
        reserved: expect.any(Number),
        rejected: expect.any(Number),
        deadLettered: 2,
        retried: 2,
        lost: 0,
        stockConsistent: true,
        durationMs: expect.any(Number),
      });
      expect((summary['reserved'] ?? 0) + (summary['rejected'] ?? 0)).toBe(500);
      expect(demo.stderr).toContain('All is well.');
    },
    RUN_MS,
  );

  test(
    'exits with 1 and names the broken invariant with its values, when stock is handed out uncounted',
    async () => {
      const demo = start([], 'test/e2e/oversold-demo.ts');
      expect(await demo.exited).toBe(1);
      expect(demo.stdout).toMatch(
        /BROKEN stock = initial stock - reserved quantities\n(?:\s+\w+-\w+: .*\n)*\s+chair-\w+: 150 at first, \d+ in reserved orders, but/,
      );
      expect(demo.stdout).toMatch(/stock consistent \|\s+no/);
      expect(demo.stdout).toMatch(
        /BROKEN orders and reservations agree\n\s+order \S+ is reserved, its reservation is not/,
      );
      expect(demo.stdout).toMatch(/\d of \d invariants are broken\./);
    },
    RUN_MS,
  );

  test(
    'closes in order when it is interrupted in the middle',
    async () => {
      const demo = start([]);
      await demo.printed(/placed 100\/500/);
      demo.kill('SIGTERM');
      expect(await demo.exited).toBe(128 + 15);
      expect(demo.stdout).toContain('interrupted');
    },
    RUN_MS,
  );

  test.each([
    [['--brocker', 'kafka'], 'demo has no flag "--brocker". It takes --broker, --json, --serve, --help.\n'],
    [
      ['--broker', 'pigeon'],
      'demo: there is no broker "pigeon" here; --broker takes memory or kafka or nats or nsq or rabbitmq.\n',
    ],
  ])('refuses %j with one sentence', async (args, sentence) => {
    const demo = start(args);
    expect(await demo.exited).toBe(2);
    expect([demo.stdout, demo.stderr]).toEqual(['', sentence]);
  });
});
