import { Module } from '@nestjs/common';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createTransportApp, Publisher, TransportModule } from 'nest-transport';
import { History, type HistoryEntry } from 'nest-transport/testing';
import { uniqueName } from '../brokers/names.mjs';
import { openBroker, type BrokerOrder } from './open-broker.js';

const KEYS = 500;

/** One topic, its publishes, and what processes wrote about handling them. */
export class Scene {
  readonly topic = uniqueName('crash');
  readonly #folder = mkdtempSync(join(tmpdir(), 'nest-transport-crash-'));
  readonly #file = join(this.#folder, 'history.jsonl');
  readonly #history = new History();
  readonly #children: ChildProcess[] = [];

  constructor(
    readonly broker: BrokerOrder,
    readonly messages: number,
  ) {
    writeFileSync(this.#file, '');
  }

  /** Where the consumer's dead letters go. */
  get deadLetterTopic(): string {
    return `${this.topic}.crash-test.dead-letter`;
  }

  async publishAll(): Promise<void> {
    const broker = await openBroker(this.broker);
    @Module({ imports: [TransportModule.forRoot({ service: 'crash-test', broker, logger: false })] })
    class App {}
    const app = await createTransportApp(App, { http: false, exitOnSignal: false, logger: false });
    await app.listen();
    const publisher = this.#history.recordPublisher(app.get(Publisher));
    const publishes = Array.from({ length: this.messages }, (_, n) =>
      publisher.publish(this.topic, { n }, { key: `key-${n % KEYS}`, id: String(n) }),
    );
    await Promise.all(publishes);
    await app.close();
  }

  /** Starts a consumer; it is in its group when this resolves. */
  async startConsumer(): Promise<ChildProcess> {
    const order = JSON.stringify({ broker: this.broker, topic: this.topic, file: this.#file });
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
