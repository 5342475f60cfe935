import { uniqueName } from '../brokers/names.mjs';
import { foreignClient, runClient } from '../interop/foreign-clients.mjs';
import { NewApplication, runGuide } from './new-application.js';
import { NODES } from './node-24.js';

const brokers = process.env['KAFKA_BROKERS'] ?? '';
const kcat = await foreignClient('kcat');
const testWithKcat = kcat === undefined ? test.skip : test; // kcat is not here; the line above says what brings it

// Nest 11 takes another minute, and its generated code runs on the memory broker in schematics-11.spec.ts and on Kafka in nest-11.kafka.spec.ts.
const VERSIONS = process.env['ALL_SMOKES'] === undefined ? ([12] as const) : ([12, 11] as const);

describe.each(VERSIONS)('after nest new of Nest %i and the commands of the guide, an application', (nest) => {
  let app: NewApplication;
  beforeAll(async () => {
    app = await NewApplication.made(nest);
    // n.b. the service is the consumer group: nobody else takes its messages.
    runGuide(app, { broker: 'kafka', service: uniqueName('orders') });
    app.nest('build');
  }, 300_000);
  afterAll(() => app.remove());

  testWithKcat.each(NODES)(
    'handles what kcat sends, and ends with 0, by $node',
    async ({ program: node }) => {
      const program = app.runBy(await node()).start({ KAFKA_BROKERS: brokers });
      await program.printed('order.created'); // in the table of subscriptions: its topics are there
      const id = uniqueName('o');
      await runClient(kcat ?? '', ['-b', brokers, '-P', '-t', 'order.created'], `{"id":"${id}"}\n`);
      await program.printed(`OrderCreated ${id}`);
      program.kill('SIGTERM');
      expect({ ended: await program.exited, output: program.output }).toMatchObject({ ended: 0 });
    },
    120_000,
  );

  it('has the client of the broker installed by nest add', () => {
    expect(JSON.parse(app.read('node_modules/kafkajs/package.json'))).toMatchObject({
      version: expect.any(String) as string,
    });
    expect(app.read('compose.yaml')).toContain('healthcheck:');
  });
});
