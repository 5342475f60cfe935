import { connect, type Channel } from 'amqplib';
import { uniqueName } from '../brokers/names.mjs';
import { startNats } from '../brokers/nats.mjs';
import { foreignClient, runClient } from '../interop/foreign-clients.mjs';
import { NewApplication } from './new-application.js';

/** An application before its migration. */
interface OldApplication {
  /** What it calls `transport` and `options`; undefined for golevelup, whose module has them. */
  readonly transport?: string;
  /** The list `imports` of its module. */
  readonly imports?: string;
  /** What its handler's file imports of the library that it had. */
  readonly needs: string;
  readonly handler: string;
}

/** Sources as the documentation of Nest and of golevelup writes them. */
function writeOld(app: NewApplication, { transport, imports = '', needs, handler }: OldApplication): void {
  const connected = `app.connectMicroservice<MicroserviceOptions>(${transport});
  await app.startAllMicroservices();`;
  app.write(
    'src/main.ts',
    `import { NestFactory } from '@nestjs/core';
${transport === undefined ? '' : "import { MicroserviceOptions, Transport } from '@nestjs/microservices';"}
import { AppModule } from './app.module.js';

async function bootstrap() {
  const app = await NestFactory.create(AppModule);
  ${transport === undefined ? '' : connected}
  await app.listen(process.env.PORT ?? 3000);
}
void bootstrap();
`,
  );
  app.write(
    'src/app.module.ts',
    `import { Module } from '@nestjs/common';
${imports === '' ? '' : "import { RabbitMQModule } from '@golevelup/nestjs-rabbitmq';"}
import { AppController } from './app.controller.js';
import { AppService } from './app.service.js';

@Module({
  imports: [${imports}],
  controllers: [AppController],
  providers: [AppService],
})
export class AppModule {}
`,
  );
  app.write(
    'src/app.service.ts',
    `import { Injectable, Logger } from '@nestjs/common';

@Injectable()
export class AppService {
  private readonly logger = new Logger(AppService.name);

  getHello(): string {
    return 'Hello World!';
  }

  handled(order: { id: string }): void {
    this.logger.log(\`handled \${order.id}\`);
  }
}
`,
  );
  app.write(
    'src/app.controller.ts',
    `import { Controller, Get } from '@nestjs/common';
${needs}
import { AppService } from './app.service.js';

@Controller()
export class AppController {
  constructor(private readonly appService: AppService) {}

  @Get()
  getHello(): string {
    return this.appService.getHello();
  }

  ${handler}
}
`,
  );
}

const NEST_HANDLER = (topic: string): Pick<OldApplication, 'needs' | 'handler'> => ({
  needs: "import { EventPattern, Payload } from '@nestjs/microservices';",
  handler: `@EventPattern('${topic}')
  created(@Payload() order: { id: string }): void {
    this.appService.handled(order);
  }`,
});

const url = process.env['RABBITMQ_URL'] ?? '';
const cli = await foreignClient('nats');
const testWithNats = cli === undefined ? test.skip : test; // the nats CLI is not here; the line above says what brings it

async function onChannel(work: (channel: Channel) => Promise<unknown>): Promise<void> {
  const connection = await connect(url);
  try {
    const channel = await connection.createConfirmChannel();
    await work(channel);
    await channel.waitForConfirms();
  } finally {
    await connection.close();
  }
}

describe('after nest g migrate', () => {
  let app: NewApplication;
  beforeAll(async () => {
    app = await NewApplication.made(12);
    const clients = ['@nats-io/transport-node', '@nats-io/jetstream', 'amqplib'];
    app.npm('install', './nest-transport.tgz', '@nestjs/microservices@12', ...clients);
  }, 300_000);
  afterAll(() => app.remove());

  /** From the old sources to the end of the migrated application, which handles what `send` sends. */
  async function migrateAndRun(
    old: OldApplication,
    env: Record<string, string>,
    topic: string,
    send: (text: string) => Promise<unknown>,
  ): Promise<void> {
    writeOld(app, old);
    const said = app.nest('g', '-c', 'nest-transport', 'migrate');
    app.nest('build');
    const program = app.start(env, ['dist/main.js']);
    await program.printed(topic); // in the table of subscriptions: its topics are there
    const id = uniqueName('o');
    await send(JSON.stringify({ id }));
    await program.printed(`handled ${id}`);
    program.kill('SIGTERM');
    expect({ ended: await program.exited, output: program.output }).toMatchObject({ ended: 0 });
    expect(said).not.toMatch(/src\/\S+:\d+/); // nothing to be done by hand
  }

  testWithNats(
    "an application that was on Nest's NATS transport is built, starts, handles what the nats CLI sends, and ends with 0",
    async () => {
      const topic = uniqueName('order.created');
      const servers = 'process.env.NATS_URL';
      const transport = `{ transport: Transport.NATS, options: { servers: ${servers}, queue: '${uniqueName('inventory')}' } }`;
      const server = await startNats();
      try {
        const send = (text: string) => runClient(cli ?? '', ['--server', server.url, 'pub', topic, text]);
        await migrateAndRun({ transport, ...NEST_HANDLER(topic) }, server.env, topic, send);
      } finally {
        await server.stop();
      }
    },
    180_000,
  );

  const onNest = () => {
    const [topic, queue] = [uniqueName('order.created'), uniqueName('orders')];
    const urls = "[process.env.RABBITMQ_URL ?? 'amqp://localhost:5672']";
    return {
      topic,
      old: {
        transport: `{ transport: Transport.RMQ, options: { urls: ${urls}, queue: '${queue}', queueOptions: { durable: true } } }`,
        ...NEST_HANDLER(topic),
      },
      declare: (channel: Channel) => channel.assertQueue(queue, { durable: true }),
      send: (channel: Channel, text: string) =>
        channel.sendToQueue(queue, Buffer.from(`{"pattern":"${topic}","data":${text}}`)),
    };
  };
  const onGolevelup = () => {
    const [topic, queue, exchange] = [uniqueName('order.created'), uniqueName('stock'), uniqueName('shop')];
    const uri = "process.env.RABBITMQ_URL ?? 'amqp://localhost:5672'";
    return {
      topic,
      old: {
        imports: `RabbitMQModule.forRoot({ uri: ${uri}, exchanges: [{ name: '${exchange}', type: 'topic' }] })`,
        needs: "import { RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';",
        handler: `@RabbitSubscribe({ exchange: '${exchange}', routingKey: '${topic}', queue: '${queue}' })
  created(order: { id: string }): void {
    this.appService.handled(order);
  }`,
      },
      declare: async (channel: Channel) => {
        await channel.assertExchange(exchange, 'topic');
        await channel.assertQueue(queue);
        await channel.bindQueue(queue, exchange, topic);
      },
      send: (channel: Channel, text: string) => channel.publish(exchange, topic, Buffer.from(text)),
    };
  };
  const ON_NEST = { name: "Nest's RabbitMQ transport", application: onNest };
  const ON_GOLEVELUP = { name: 'golevelup', application: onGolevelup };

  it.each(process.env['ALL_SMOKES'] === undefined ? [ON_NEST] : [ON_NEST, ON_GOLEVELUP])(
    'an application that was on $name handles what amqplib sends to the queue that it had, and ends with 0',
    async ({ application }) => {
      const { topic, old, declare, send } = application();
      await onChannel(declare); // the old application has run
      await migrateAndRun(old, { RABBITMQ_URL: url }, topic, (text) =>
        onChannel((channel) => Promise.resolve(send(channel, text))),
      );
    },
    180_000,
  );
});
