import { probeKafka } from '../../tools/brokers/kafka/probe.mjs';
import { ended, printed } from './small-clone.js';
import { describeStandingBroker } from './standing-broker.js';

const addressIn = (text: string): string => /127\.0\.0\.1:\d+/.exec(text)?.[0] ?? 'none';

describeStandingBroker('kafka', (user) => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'is stopped by the npm test that started it, when that ends by %s',
    async (signal) => {
      const test = user().start('scripts/test.mjs', '--only', 'kafka', '--testPathPatterns', 'matches-no-file');
      const end = ended(test);
      await printed(test.stderr, '=== kafka\n');
      test.kill(signal);
      const { stdout, signal: endedBy } = await end;
      expect(endedBy).toBe(signal);
      expect(stdout).toMatch(/kafka up .*private: 127\.0\.0\.1:\d+/);
      expect(await probeKafka(addressIn(stdout))).toMatchObject({ ok: false });
    },
    120_000,
  );

  it('is refused under a name that nobody knows, with the names there are', async () => {
    const { code, stderr } = await user().run('scripts/brokers.mjs', 'up', 'kafak');
    expect([code, stderr]).toEqual([1, 'There is no broker "kafak" here. There are: kafka, nats, nsq, rabbitmq\n']);
  });
});
