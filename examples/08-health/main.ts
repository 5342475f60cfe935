import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Get, HttpException, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  createTransportApp,
  defineEvent,
  Publisher,
  Subscribe,
  TransportHealth,
  TransportModule,
} from 'nest-transport';
import type { TransportReport } from 'nest-transport';
import { memory } from 'nest-transport/memory';

type Order = { orderId: string };
const OrderCreated = defineEvent<Order>('order.created', { key: ({ orderId }) => orderId });
let onStart: () => void;
let letItFinish: () => void;
const started = new Promise<void>((resolve) => (onStart = resolve));
const mayFinish = new Promise<void>((resolve) => (letItFinish = resolve)); // a slow call of a real handler

@Controller()
class OrdersController {
  @Subscribe(OrderCreated)
  async handle(@Payload() { orderId }: Order): Promise<void> {
    console.log(`${orderId}: handler started`);
    onStart();
    await mayFinish;
    console.log(`${orderId}: handler finished`);
  }
}

@Controller('health')
class HealthController {
  constructor(private readonly transport: TransportHealth) {}

  @Get('live')
  live(): string {
    return 'ok';
  }

  @Get('ready')
  ready(): TransportReport {
    const report = this.transport.report();
    if (!report.ready) throw new HttpException(report, 503);
    return report;
  }
}

@Module({
  imports: [TransportModule.forRoot({ service: 'orders', broker: memory() })],
  controllers: [OrdersController, HealthController],
})
class AppModule {}

const app = await createTransportApp(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');
const address = await app.getUrl();
const show = async (path: string): Promise<void> => {
  const response = await fetch(`${address}/health/${path}`);
  const { problems = [] } = response.ok ? {} : ((await response.json()) as Partial<TransportReport>);
  console.log([`GET /health/${path}: ${response.status}`, ...problems].join(' '));
};

await show('live');
await show('ready');
await app.get(Publisher).publish(OrderCreated, { orderId: 'o-1' });
await started;

console.log('SIGTERM');
process.kill(process.pid, 'SIGTERM'); // what Kubernetes sends
while (app.get(TransportHealth).isReady()) await sleep(5);
await show('ready');
process.on('exit', (code) => console.log(`exit code ${code}`));
letItFinish!();
