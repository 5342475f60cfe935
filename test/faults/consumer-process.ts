/**
 * A service that a test may kill: takes the messages of a topic and writes every step of every handling to a file, in
 * the moment it happens. What was written survives a SIGKILL, because the kernel has it.
 */
import { Controller, Module } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { openSync, writeSync } from 'node:fs';
import { createTransportApp, Notices, Subscribe, TransportModule, type MessageContext } from 'nest-transport';
import type { HistoryEntry } from 'nest-transport/testing';
import { openBroker, type BrokerOrder } from './open-broker.js';

interface Orders {
  readonly broker: BrokerOrder;
  readonly topic: string;
  readonly file: string;
}

const { broker: order, topic, file } = JSON.parse(process.argv[2] ?? '{}') as Orders;
const descriptor = openSync(file, 'a');
const write = (entry: HistoryEntry): void => void writeSync(descriptor, `${JSON.stringify(entry)}\n`);

@Controller()
class Recorder {
  @Subscribe(topic, { concurrency: 64 })
  async take(@Payload() _payload: unknown, @Ctx() context: MessageContext): Promise<void> {
    const { id, group, attempt } = context;
    write({ what: 'handle', id, topic, group, attempt });
    await new Promise((resolve) => setImmediate(resolve));
    write({ what: 'handled', id, topic, group, outcome: 'ok' });
  }
}

const broker = await openBroker(order);

@Module({
  imports: [TransportModule.forRoot({ service: 'crash-test', broker, logger: false })],
  controllers: [Recorder],
})
class App {}

const app = await createTransportApp(App, { http: false, logger: ['error', 'warn'] });
app.get(Notices).on('subscription:started', () => process.stdout.write('started\n'));
app.get(Notices).on('partition:revoked', () => process.stdout.write('revoked\n'));
app.get(Notices).on('broker:unreachable', () => process.stdout.write('unreachable\n'));
app.get(Notices).on('subscription:crashed', () => process.stdout.write('crashed\n'));
await app.listen();

/** Reports that the process was stopped and goes on, once it has done what it does then. */
let lastTurnMs = performance.now();
setInterval(() => {
  const stoppedMs = performance.now() - lastTurnMs;
  lastTurnMs = performance.now();
  if (stoppedMs > 1_500) setTimeout(() => process.stdout.write('resumed\n'), 500);
}, 50).unref();
