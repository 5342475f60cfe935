import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kafkaFolder } from '../brokers/kafka/jars.mjs';
import { probeKafka } from '../brokers/kafka/probe.mjs';
import { prepareKafka } from '../brokers/kafka.mjs';
import { ended, printed, type Ended } from './small-clone.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** A user of this machine with a cache of their own, who shares only the downloaded jars with us. */
class User {
  readonly #home = mkdtempSync(join(tmpdir(), 'nest-transport-user-'));
  readonly #env: NodeJS.ProcessEnv;

  constructor() {
    const { KAFKA_BROKERS: _, NODE_OPTIONS: __, ...env } = process.env;
    this.#env = { ...env, XDG_CACHE_HOME: this.#home };
    mkdirSync(join(this.#home, 'nest-transport'));
    symlinkSync(kafkaFolder(), kafkaFolder(this.#env));
  }

  start(...args: string[]): ReturnType<typeof spawn> {
    return spawn(process.execPath, args, { cwd: root, env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  run(...args: string[]): Promise<Ended> {
    return ended(this.start(...args));
  }

  leave(): void {
    rmSync(this.#home, { recursive: true, force: true });
  }
}

const addressIn = (text: string): string => /127\.0\.0\.1:\d+/.exec(text)?.[0] ?? 'none';

describe('a Kafka for a user', () => {
  let user: User;
  beforeAll(() => prepareKafka(), 120_000);
  beforeEach(() => (user = new User()));
  afterEach(async () => {
    await user.run('scripts/brokers.mjs', 'down');
    user.leave();
  });

  it('stays up after brokers:up, once however often it is asked for, until brokers:down', async () => {
    const first = await user.run('scripts/brokers.mjs', 'up', 'kafka');
    expect(first).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^export KAFKA_BROKERS=127\.0\.0\.1:\d+\n$/),
    });
    const address = addressIn(first.stdout);
    expect(await probeKafka(address)).toEqual({ ok: true });
    expect((await user.run('scripts/brokers.mjs', 'up')).stdout).toBe(first.stdout);
    expect((await user.run('scripts/doctor.mjs')).stdout).toContain(`${address} (brokers:up)`);
    expect(await user.run('scripts/brokers.mjs', 'down')).toMatchObject({ code: 0, stderr: '[kafka] down.\n' });
    expect(await probeKafka(address)).toMatchObject({ ok: false });
    expect(await user.run('scripts/brokers.mjs', 'down')).toMatchObject({ code: 0, stderr: '[kafka] is not up.\n' });
  }, 120_000);

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'is stopped by the npm test that started it, when that ends by %s',
    async (signal) => {
      const test = user.start('scripts/test.mjs', '--only', 'kafka', '--testPathPatterns', 'matches-no-file');
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
    const { code, stderr } = await user.run('scripts/brokers.mjs', 'up', 'kafak');
    expect([code, stderr]).toEqual([1, 'There is no broker "kafak" here. There are: kafka\n']);
  });
});
