/** A service that a test may kill: fails the first attempt at every message, and prints each attempt in the moment it begins. */
import { Controller, Module } from '@nestjs/common';
import { Ctx } from '@nestjs/microservices';
import { createTransportApp, Notices, Subscribe, TransportModule, type MessageContext } from 'nest-transport';
import { kafka } from 'nest-transport/kafka';
import type { Attempt, TiersOrder } from './tiers-order.js';

const { brokers, topic, group, waitMs, mostRepeated } = JSON.parse(process.argv[2] ?? '{}') as TiersOrder;
const print = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

@Controller()
class Payments {
  @Subscribe(topic, {
    ...{ group, ordering: 'none', concurrency: mostRepeated, maxInFlight: mostRepeated },
    retry: { maxAttempts: 1, redeliveryDelaysMs: [waitMs] },
  })
  charge(@Ctx() context: MessageContext): void {
    const { id, attempt, partition = -1, offset = '', topic: from } = context;
    print({ id, attempt, from, place: `${partition}/${offset}`, at: Date.now() } satisfies Attempt);
    if (attempt === 1) throw new Error('the bank is away');
  }
}

const broker = kafka({
  ...{ brokers, provision: { partitions: 3 }, maxUncommitted: mostRepeated },
  ...{ sessionTimeoutMs: 6_000, heartbeatIntervalMs: 200 },
});

@Module({
  imports: [TransportModule.forRoot({ service: 'tiers', broker, logger: false })],
  controllers: [Payments],
})
class App {}

const app = await createTransportApp(App, { http: false, logger: ['error', 'warn'] });
app.get(Notices).on('subscription:started', () => print({ what: 'started' }));
app.get(Notices).on('message:retry-scheduled', ({ id }) => print({ what: 'waits', id }));
await app.listen();
