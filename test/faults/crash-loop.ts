import { Module } from '@nestjs/common';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createTransportApp, Publisher, TransportModule } from 'nest-transport';
import { openBroker, type BrokerOrder } from './open-broker.js';

/** What became of the messages of a service whose handler ends its process at one of them. */
export interface CrashLoop {
  /** Processes that ended by the message, before all was done. */
  readonly deaths: number;
  readonly handled: ReadonlySet<string>;
  readonly deadLettered: readonly string[];
}

const FLAGS = ['--conditions=nest-transport:source', '--import', './tools/typescript-loader.mjs'];

/** Publishes so many messages with the ids 0, 1, ... and restarts the service, as a supervisor does, until each has its end. */
export async function crashLoop(
  broker: BrokerOrder,
  { topic, messages, killer, limitMs }: { topic: string; messages: number; killer: string; limitMs: number },
): Promise<CrashLoop> {
  const folder = mkdtempSync(join(tmpdir(), 'nest-transport-killer-'));
  const file = join(folder, 'notes');
  writeFileSync(file, '');
  const order = JSON.stringify({ broker, topic, file, killer });
  await found(file, order);
  await publishAll(broker, topic, messages);
  const deadline = Date.now() + limitMs;
  let deaths = 0;
  try {
    for (;;) {
      const child = start(order);
      const exited = once(child, 'exit').then(() => true);
      while (!(await Promise.race([exited, pause(50, false)]))) {
        const state = stateOf(file);
        if (state.handled.size + state.deadLettered.length < messages && Date.now() < deadline) continue;
        child.kill('SIGKILL');
        await exited;
        return { deaths, ...state };
      }
      deaths++;
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const start = (order: string): ChildProcess =>
  spawn(process.execPath, [...FLAGS, 'test/faults/killer-process.ts', order], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });

/** Some brokers keep messages only for groups that have been there once. */
async function found(file: string, order: string): Promise<void> {
  const founder = start(order);
  while (!readFileSync(file, 'utf8').includes('started')) await pause(20);
  founder.kill('SIGTERM');
  await once(founder, 'exit');
}

async function publishAll(order: BrokerOrder, topic: string, messages: number): Promise<void> {
  const broker = await openBroker(order);
  @Module({ imports: [TransportModule.forRoot({ service: 'killer-test', broker, logger: false })] })
  class App {}
  const app = await createTransportApp(App, { http: false, exitOnSignal: false, logger: false });
  await app.listen();
  const publisher = app.get(Publisher);
  const numbers = Array.from({ length: messages }, (_, n) => n);
  await Promise.all(numbers.map((n) => publisher.publish(topic, { n }, { key: `key-${n}`, id: String(n) })));
  await app.close();
}

function stateOf(file: string): Omit<CrashLoop, 'deaths'> {
  const handled = new Set<string>();
  const deadLettered: string[] = [];
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [what, id = ''] = line.split(' ');
    if (what === 'handled') handled.add(id);
    if (what === 'dead-lettered') deadLettered.push(id);
  }
  return { handled, deadLettered };
}
