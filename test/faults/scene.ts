import { Module } from '@nestjs/common';
import { spawn, type ChildProcess } from 'node:child_process';
import { on, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createTransportApp, Publisher, TransportError, TransportModule } from 'nest-transport';
import { History, type HistoryEntry } from 'nest-transport/testing';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { Notes } from './notes.js';
import { openBroker, type BrokerOrder } from './open-broker.js';

const KEYS = 500;
/** At most so many wait for their confirmation: a process that gets little of its processor has them confirmed in time, too. */
const UNCONFIRMED = 200;

/** The stop may come between the start of a handler and its first word. */
const BEGAN_AT_THE_STOP = 1;

/**
 * Stops a consumer in the middle of its messages, lets a second one take over all of them, and lets the first one go on: it
 * starts no handler for what it had.
 * @param noticed what the first one reports when it has found out that its messages are not its own any more
 * @param mostDuplicates how many messages may be handled twice
 */
export async function stopAndGoOn(scene: Scene, noticed: Notice, mostDuplicates: number): Promise<void> {
  const first = await scene.startConsumer();
  await scene.untilHandled(scene.messages * 0.3, 60_000);
  first.kill('SIGSTOP');
  await scene.startConsumer();
  await scene.untilHandled(scene.messages, 120_000);
  const begun = scene.begun;
  const said = scene.said(first, noticed);
  first.kill('SIGCONT');
  await said;
  expect(scene.begun - begun).toBeLessThanOrEqual(BEGAN_AT_THE_STOP);
  const history = scene.history();
  history.assertNothingLost();
  history.assertNoPhantom();
  history.assertDuplicatesAtMost(mostDuplicates);
}

/** What a consumer prints when its connection, or its hold on messages, changes. */
type Notice = 'revoked' | 'unreachable' | 'crashed';

/** One topic, its publishes, and what processes wrote about handling them. */
export class Scene {
  readonly topic = uniqueName('crash');
  readonly #folder = mkdtempSync(join(tmpdir(), 'nest-transport-crash-'));
  readonly #file = join(this.#folder, 'history.jsonl');
  readonly #notes = new Notes(this.#file);
  readonly #history = new History();
  readonly #children: ChildProcess[] = [];

  constructor(
    readonly broker: BrokerOrder,
    readonly messages: number,
  ) {}

  /** Where the consumer's dead letters go. */
  get deadLetterTopic(): string {
    return `${this.topic}.crash-test.dead-letter`;
  }

  /**
   * Resolves with the ids of those that were confirmed.
   * @param mayBeUnknown whether a publish may end as unknown, because a node ends that has to store it. @default false: it rejects
   */
  async publishAll({ mayBeUnknown = false } = {}): Promise<ReadonlySet<string>> {
    const broker = await openBroker(this.broker);
    @Module({ imports: [TransportModule.forRoot({ service: 'crash-test', broker, logger: false })] })
    class App {}
    const app = await createTransportApp(App, { http: false, exitOnSignal: false, logger: false });
    await app.listen();
    const publisher = this.#history.recordPublisher(app.get(Publisher));
    const confirmed = new Set<string>();
    const unknown = (error: unknown): void => {
      if (!mayBeUnknown || !(error instanceof TransportError) || error.stored !== 'unknown') throw error;
    };
    for (let first = 0; first < this.messages; first += UNCONFIRMED) {
      const numbers = Array.from({ length: Math.min(UNCONFIRMED, this.messages - first) }, (_, index) => first + index);
      const publish = (n: number) =>
        publisher
          .publish(this.topic, { n }, { key: `key-${n % KEYS}`, id: String(n) })
          .then(() => void confirmed.add(String(n)), unknown);
      await Promise.all(numbers.map(publish)).catch(async (error: unknown) => {
        await app.close();
        throw error;
      });
    }
    await app.close();
    return confirmed;
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

  /** Resolves when the consumer says so from now on: a line that it prints at a notice. */
  async said(child: ChildProcess, word: Notice): Promise<void> {
    for await (const [chunk] of on(child.stdout as NodeJS.ReadableStream, 'data')) {
      if (String(chunk).includes(word)) return;
    }
  }

  get handled(): readonly HistoryEntry[] {
    return this.#notes.entries.filter(({ what }) => what === 'handled');
  }

  /** Handlers that have begun. */
  get begun(): number {
    return this.#notes.entries.filter(({ what }) => what === 'handle').length;
  }

  /** Resolves when so many different messages were handled. */
  async untilHandled(count: number, deadlineMs: number): Promise<void> {
    const deadline = Date.now() + deadlineMs;
    for (;;) {
      const seen = this.#notes.handledCount;
      if (seen >= count) return;
      if (Date.now() > deadline) throw new Error(`only ${seen} of ${count} messages were handled in ${deadlineMs} ms`);
      await pause(20);
    }
  }

  /** Resolves when each of these was handled. */
  async untilAllHandled(ids: ReadonlySet<string>, deadlineMs: number): Promise<void> {
    await this.untilHandled(ids.size, deadlineMs);
    const isMissing = (): boolean => {
      const handled = new Set(this.handled.map(({ id }) => id));
      return [...ids].some((id) => !handled.has(id));
    };
    for (const deadline = Date.now() + deadlineMs; isMissing() && Date.now() < deadline;) await pause(200);
  }

  /** Publishes first, then what the processes wrote, in the order they wrote it. */
  history(): History {
    return new History([...this.#history.entries, ...this.#notes.entries]);
  }

  async end(): Promise<void> {
    for (const child of this.#children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    this.#notes.close();
    rmSync(this.#folder, { recursive: true });
  }
}

/** What has to hold after a consumer ended in the middle of the messages, and another one did the rest. */
export interface AfterTheEnd {
  readonly messages: number;
  /** @default false */
  readonly keepsOrder?: boolean;
  readonly repeatsAtMost: number;
}

/** Ends a consumer in the middle of its messages, starts another one, and judges what both handled. */
export async function endAndReplace(
  scene: Scene,
  signal: 'SIGKILL' | 'SIGTERM',
  { messages, keepsOrder = false, repeatsAtMost }: AfterTheEnd,
): Promise<void> {
  const first = await scene.startConsumer();
  await scene.untilHandled(messages * 0.3, 30_000);
  first.kill(signal);
  const ended = (await once(first, 'exit')) as [exitCode: number | null, signal: string | null];
  if (signal === 'SIGTERM') expect(ended).toEqual([0, null]);
  expect(scene.handled.length).toBeLessThan(messages);

  await scene.startConsumer();
  await scene.untilHandled(messages, 60_000);
  const history = scene.history();
  history.assertNothingLost();
  history.assertNoPhantom();
  if (keepsOrder) history.assertOrderPerKey();
  history.assertDuplicatesAtMost(repeatsAtMost);
}
