import { Module } from '@nestjs/common';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { createTransportApp, Publisher, TransportModule } from 'nest-transport';
import { kafka } from 'nest-transport/kafka';
import { History, type HistoryEntry } from 'nest-transport/testing';

const MESSAGES = 20_000;
const KEYS = 500;
const MAX_UNCOMMITTED = 1_000;
const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');

/** One topic, its publishes, and what processes wrote about handling them. */
class Scene {
  readonly topic = `crash-${randomUUID()}`;
  readonly #folder = mkdtempSync(join(tmpdir(), 'nest-transport-crash-'));
  readonly #file = join(this.#folder, 'history.jsonl');
  readonly #history = new History();
  readonly #children: ChildProcess[] = [];

  constructor() {
    writeFileSync(this.#file, '');
  }

  async publishAll(): Promise<void> {
    await createTopics(this.topic, `${this.topic}.crash-test.dead-letter`);
    const broker = kafka({ brokers });
    @Module({ imports: [TransportModule.forRoot({ service: 'crash-test', broker, logger: false })] })
    class App {}
    const app = await createTransportApp(App, { http: false, exitOnSignal: false, logger: false });
    await app.listen();
    const publisher = this.#history.recordPublisher(app.get(Publisher));
    const publishes = Array.from({ length: MESSAGES }, (_, n) =>
      publisher.publish(this.topic, { n }, { key: `key-${n % KEYS}`, id: String(n) }),
    );
    await Promise.all(publishes);
    await app.close();
  }

  /** Starts a consumer; it is in its group when this resolves. */
  async startConsumer(): Promise<ChildProcess> {
    const order = JSON.stringify({ brokers, topic: this.topic, file: this.#file });
    const flags = ['--conditions=nest-transport:source', '--import', './tools/typescript-loader.mjs'];
    const child = spawn(process.execPath, [...flags, 'test/faults/consumer-process.ts', order], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    this.#children.push(child);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    return child;
  }

  get handled(): readonly HistoryEntry[] {
    return this.#written().filter(({ what }) => what === 'handled');
  }

  /** Resolves when so many different messages were handled. */
  async untilHandled(count: number, deadlineMs: number): Promise<void> {
    const deadline = Date.now() + deadlineMs;
    for (;;) {
      const seen = new Set(this.handled.map(({ id }) => id)).size;
      if (seen >= count) return;
      if (Date.now() > deadline) throw new Error(`only ${seen} of ${count} messages were handled in ${deadlineMs} ms`);
      await pause(20);
    }
  }

  /** Publishes first, then what the processes wrote, in the order they wrote it. */
  history(): History {
    return new History([...this.#history.entries, ...this.#written()]);
  }

  async end(): Promise<void> {
    for (const child of this.#children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(this.#folder, { recursive: true });
  }

  /** n.b. a killed process may leave half a line, and then the next one writes on behind it. */
  #written(): HistoryEntry[] {
    return readFileSync(this.#file, 'utf8')
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line.slice(line.lastIndexOf('{'))) as HistoryEntry);
  }
}

async function createTopics(...topics: string[]): Promise<void> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: 6, replicationFactor: 1 })) });
  await admin.disconnect();
}

describe('a consumer that dies in the middle of 20,000 messages', () => {
  let scene: Scene;

  beforeEach(async () => {
    scene = new Scene();
    await scene.publishAll();
  }, 60_000);

  afterEach(() => scene.end());

  it('by SIGKILL loses nothing, keeps the order per key, and repeats at most maxUncommitted messages', async () => {
    const first = await scene.startConsumer();
    await scene.untilHandled(MESSAGES * 0.3, 30_000);
    first.kill('SIGKILL');
    await once(first, 'exit');
    const handledByFirst = scene.handled.length;
    expect(handledByFirst).toBeLessThan(MESSAGES);

    await scene.startConsumer();
    await scene.untilHandled(MESSAGES, 60_000);
    const history = scene.history();
    history.assertNothingLost();
    history.assertNoPhantom();
    history.assertOrderPerKey();
    history.assertDuplicatesAtMost(MAX_UNCOMMITTED);
  }, 120_000);

  it('by SIGTERM loses nothing, keeps the order per key, repeats nothing, and exits with 0', async () => {
    const first = await scene.startConsumer();
    await scene.untilHandled(MESSAGES * 0.3, 30_000);
    first.kill('SIGTERM');
    const [exitCode, signal] = (await once(first, 'exit')) as [number | null, string | null];
    expect([exitCode, signal]).toEqual([0, null]);
    expect(scene.handled.length).toBeLessThan(MESSAGES);

    await scene.startConsumer();
    await scene.untilHandled(MESSAGES, 60_000);
    const history = scene.history();
    history.assertNothingLost();
    history.assertNoPhantom();
    history.assertOrderPerKey();
    history.assertDuplicatesAtMost(0);
  }, 120_000);
});
