import { OrderCreated } from '@demo/contracts';
import { startKafka } from '../../tools/brokers/kafka.mjs';
import { SourceProcess } from './source-process.js';
import { until } from './until.js';

interface OrderAnswer {
  readonly orderId: string;
  readonly state: string;
}

// The services as a shop runs them: two processes that meet by the names of their topics alone. On a Kafka of its own,
// because these names are the same for every run.
describe('the services, each in a process of its own on Kafka', () => {
  const children: SourceProcess[] = [];
  let kafka: Awaited<ReturnType<typeof startKafka>>;

  beforeAll(async () => {
    kafka = await startKafka();
  }, 120_000);
  afterEach(async () => {
    await Promise.all(children.splice(0).map((child) => child.end()));
  });
  afterAll(() => kafka.stop());

  const start = (service: string): SourceProcess => {
    const args = ['--broker', 'kafka', '--brokers', kafka.brokers.join(','), '--port', '0'];
    const child = new SourceProcess(`apps/${service}/src/main.ts`, args, { DATABASE_URL: undefined });
    children.push(child);
    return child;
  };
  const urlOf = async (service: SourceProcess): Promise<string> =>
    (await service.printed(/listens at (http:\S+)/))[1] ?? '';

  test('decide an order, and drain and exit with 0 on SIGTERM', async () => {
    const services = [start('order-service'), start('inventory-service')] as const;
    const [orders, inventory] = await Promise.all([urlOf(services[0]), urlOf(services[1])]);
    const order = { userId: 'ada', items: [{ sku: 'lamp', quantity: 1, unitPriceCents: 3_900 }] };
    const answer = await fetch(`${orders}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(order),
    });
    expect(answer.status).toBe(201);
    const { orderId } = (await answer.json()) as OrderAnswer;
    const find = async (): Promise<OrderAnswer> =>
      (await (await fetch(`${orders}/orders/${orderId}`)).json()) as OrderAnswer;
    const decided = await until(`an outcome of ${OrderCreated.type}`, find, ({ state }) => state !== 'placed', 30_000);
    expect(decided.state).toBe('reserved');
    expect(await (await fetch(`${inventory}/stock/lamp`)).json()).toMatchObject({ sku: 'lamp' });

    for (const service of services) service.kill('SIGTERM');
    expect(await Promise.all(services.map(({ exited }) => exited))).toEqual([0, 0]);
  }, 90_000);
});
