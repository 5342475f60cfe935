import { uniqueName } from '../../tools/brokers/names.mjs';
import { foreignClient, runClient } from '../interop/foreign-clients.mjs';
import { NewApplication, runGuide } from './new-application.js';
import { NODES } from './node-24.js';

/** A service as Nest's documentation writes it, on Nest's Kafka transport. */
function writeOldService(app: NewApplication, group: string, topic: string, suffix: string): void {
  app.write(
    'src/main.ts',
    `import { NestFactory } from '@nestjs/core';
import { MicroserviceOptions, Transport } from '@nestjs/microservices';
import { AppModule } from './app.module${suffix}';

async function bootstrap() {
  const app = await NestFactory.create(AppModule);
  app.connectMicroservice<MicroserviceOptions>({
    transport: Transport.KAFKA,
    options: { client: { brokers: process.env.KAFKA_BROKERS!.split(',') }, consumer: { groupId: '${group}' } },
  });
  await app.startAllMicroservices();
  await app.listen(process.env.PORT ?? 3000);
}
void bootstrap();
`,
  );
  app.write(
    'src/app.controller.ts',
    `import { Controller, Get, Logger } from '@nestjs/common';
import { Ctx, EventPattern, KafkaContext, Payload } from '@nestjs/microservices';
import { AppService } from './app.service${suffix}';

@Controller()
export class AppController {
  private readonly logger = new Logger(AppController.name);

  constructor(private readonly appService: AppService) {}

  @Get()
  getHello(): string {
    return this.appService.getHello();
  }

  @EventPattern('${topic}')
  created(@Payload() order: { id: string }, @Ctx() context: KafkaContext): void {
    this.logger.log(\`handled \${order.id} of \${context.getTopic()}\`);
  }
}
`,
  );
}

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

  testWithKcat(
    'keeps what it cannot read as a dead letter, which the command line lists and sends back',
    async () => {
      const program = app.start({ KAFKA_BROKERS: brokers });
      await program.printed('order.created');
      const text = `no JSON ${uniqueName('text')}`;
      await runClient(kcat ?? '', ['-b', brokers, '-P', '-t', 'order.created'], `${text}\n`);
      await program.printed('Message dead-lettered to');
      const letters = (...args: string[]) => app.tool('nest-transport/dist/cli/main.js', 'dead-letters', ...args);
      expect(letters('list', 'order.created', '--payload')).toContain(text);
      expect(letters('replay', 'order.created', '--all')).toContain('Sent back 1 dead letter');
      program.kill('SIGTERM');
      expect({ ended: await program.exited, output: program.output }).toMatchObject({ ended: 0 });
    },
    180_000,
  );

  it('has the client of the broker installed by nest add', () => {
    expect(JSON.parse(app.read('node_modules/kafkajs/package.json'))).toMatchObject({
      version: expect.any(String) as string,
    });
    expect(app.read('compose.yaml')).toContain('healthcheck:');
  });
});

describe.each(VERSIONS)(
  "after nest g migrate, an application of Nest %i that was on Nest's Kafka transport",
  (nest) => {
    const [group, topic] = [uniqueName('inventory'), uniqueName('order.created')];
    let app: NewApplication;
    beforeAll(async () => {
      app = await NewApplication.made(nest);
      app.npm('install', './nest-transport.tgz', `@nestjs/microservices@${nest}`, 'kafkajs');
      writeOldService(app, group, topic, nest === 12 ? '.js' : '');
    }, 300_000);
    afterAll(() => app.remove());

    it('is not changed by a dry run, which says which files it would change', () => {
      const before = app.read('src/main.ts');
      expect(app.nest('g', '-c', 'nest-transport', 'migrate', '--dry-run')).toMatch(/UPDATE\S* src\/main\.ts/);
      expect(app.read('src/main.ts')).toBe(before);
    }, 60_000);

    testWithKcat(
      'is built, starts, handles what kcat sends in the group that it had, and ends with 0',
      async () => {
        expect(app.nest('g', '-c', 'nest-transport', 'migrate')).toContain('Everything was migrated.');
        app.nest('build');
        const program = app.start({ KAFKA_BROKERS: brokers }, ['dist/main.js']);
        await program.printed(`${group}-server`); // in the table of subscriptions: its topics are there
        const id = uniqueName('o');
        await runClient(kcat ?? '', ['-b', brokers, '-P', '-t', topic], `{"id":"${id}"}\n`);
        await program.printed(`handled ${id} of ${topic}`);
        program.kill('SIGTERM');
        expect({ ended: await program.exited, output: program.output }).toMatchObject({ ended: 0 });
      },
      180_000,
    );
  },
);
