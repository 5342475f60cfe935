import { complaintsAbout } from './compile.js';
import { esm, generate, outcomeOf, type Files, type Step } from './generate.js';

/** What the tests below made, each in a folder of its own: the compiler looks at all of them at once. */
const migrated: Record<string, Files> = {};

const migrate: Step = { schematic: 'migrate', options: { skipInstall: true } };

const MODULE = (imports: string, needs = '') => `import { Module } from '@nestjs/common';
import { OrdersController } from './orders.controller.js';
${needs}
@Module({
  imports: [${imports}],
  controllers: [OrdersController],
})
export class AppModule {}
`;

const HYBRID = (transport: string) => `import { NestFactory } from '@nestjs/core';
import { type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { AppModule } from './app.module.js';

async function bootstrap() {
  const app = await NestFactory.create(AppModule);
  app.connectMicroservice<MicroserviceOptions>(${transport});
  await app.startAllMicroservices();
  await app.listen(process.env['PORT'] ?? 3000);
}
void bootstrap();
`;

const HANDLER = (pattern: string) => `import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';

@Controller()
export class OrdersController {
  @EventPattern('${pattern}')
  created(@Payload() order: { id: string }): void {
    console.log(order.id);
  }
}
`;

describe("an application on Nest's Kafka transport", () => {
  const before: Files = {
    ...esm,
    'src/app.module.ts': MODULE(
      `ClientsModule.register([{ name: 'BILLING', transport: Transport.KAFKA, options: { client: { brokers: ['localhost:9092'] } } }])`,
      `import { ClientsModule, Transport } from '@nestjs/microservices';\n`,
    ),
    'src/main.ts': HYBRID(
      `{ transport: Transport.KAFKA, options: { client: { clientId: 'shop', brokers: (process.env['KAFKA'] ?? 'localhost:9092').split(',') }, consumer: { groupId: 'inventory' } } }`,
    ),
    'src/orders.controller.ts': `import { Controller, Inject, type OnModuleInit } from '@nestjs/common';
import { ClientKafka, Ctx, EventPattern, KafkaContext, MessagePattern, Payload } from '@nestjs/microservices';

@Controller()
export class OrdersController implements OnModuleInit {
  constructor(@Inject('BILLING') private readonly client: ClientKafka) {}

  async onModuleInit() {
    this.client.subscribeToResponseOf('price');
    await this.client.connect();
  }

  @EventPattern('order.created')
  created(@Payload() order: { id: string }, @Ctx() context: KafkaContext): void {
    console.log(context.getTopic(), context.getPartition(), context.getMessage().headers);
    this.client.emit('order.billed', { id: order.id });
  }

  @MessagePattern('stock')
  stock(@Payload() sku: string): string {
    return sku;
  }

  @MessagePattern({ cmd: 'sum' })
  sum(@Payload() numbers: number[]): number {
    return numbers.length;
  }
}
`,
  };
  let after: Files;
  beforeAll(async () => {
    after = await generate(before, migrate);
  }, 60_000);

  it('is registered under the group that it has, with its addresses, so that it goes on where it stopped', () => {
    const module = after['src/app.module.ts']?.replace(/\s+/g, ' ');
    expect(module).toContain("service: 'inventory-server'");
    expect(module).toContain("brokers: (process.env['KAFKA'] ?? 'localhost:9092').split(',')");
    expect(module).toContain("clientId: 'shop'");
    expect(module).not.toMatch(/ClientsModule|Transport\.KAFKA/);
  });

  it('is created with the transport in main.ts instead of the microservice', () => {
    expect(after['src/main.ts']).toContain('const app = await createTransportApp(AppModule);');
    expect(after['src/main.ts']).not.toMatch(/connectMicroservice|startAllMicroservices|@nestjs|NestFactory/);
  });

  it('is connected where it is created with an HTTP adapter', async () => {
    const main = before['src/main.ts']?.replace('create(AppModule)', 'create(AppModule, new FastifyAdapter())') ?? '';
    const files = await generate({ ...before, 'src/main.ts': main }, migrate);
    expect(files['src/main.ts']).toContain('connectTransport(app);\n  app.enableShutdownHooks();');
    expect(files['src/main.ts']).not.toMatch(/connectMicroservice|startAllMicroservices/);
  });

  it('has handlers, contexts and clients of ours; a pattern that is an object stays, and goes on working', () => {
    const controller = after['src/orders.controller.ts'];
    expect(controller).toContain("@Subscribe('order.created')");
    expect(controller).toContain("@Respond('stock')");
    expect(controller).toContain("@MessagePattern({ cmd: 'sum' })");
    expect(controller).toContain('constructor(private readonly client: TransportClient)');
    expect(controller).toContain('console.log(context.topic, context.partition, context.headers)');
    expect(controller).not.toMatch(/subscribeToResponseOf|KafkaContext|ClientKafka|EventPattern|Inject\b/);
  });

  it('asks for the client of the broker', () => {
    expect(after['package.json']).toContain('kafkajs');
    migrated['kafka'] = after;
  });

  it('is refused when it is migrated a second time, and nothing is written', async () => {
    await expect(generate(after, migrate)).rejects.toThrow('src uses no transport that can be migrated');
  });
});

it('a microservice on NATS becomes an application without HTTP that reads the packets of old publishers', async () => {
  const main = `import { NestFactory } from '@nestjs/core';
import { type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { AppModule } from './app.module.js';

const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
  transport: Transport.NATS,
  options: { servers: 'nats://localhost:4222', queue: 'inventory' },
  logger: ['error'],
});
await app.listen();
`;
  const before = {
    ...esm,
    'src/app.module.ts': MODULE(''),
    'src/main.ts': main,
    'src/orders.controller.ts': HANDLER('order.created'),
  };
  const after = await generate(before, migrate);
  expect(after['src/main.ts']).toContain("createTransportApp(AppModule, { http: false, logger: ['error'] })");
  expect(after['src/main.ts']).not.toContain('NestFactory');
  const module = after['src/app.module.ts']?.replace(/\s+/g, ' ');
  expect(module).toContain("service: 'inventory'");
  expect(module).toContain("nats({ servers: ['nats://localhost:4222'], provision: {} })");
  expect(module).toContain('codec: nestPackets()');
  migrated['nats'] = after;

  const serversOf = async (text: string): Promise<string> => {
    const changed = main.replace("'nats://localhost:4222'", text);
    const files = await generate({ ...before, 'src/main.ts': changed }, migrate);
    migrated[`nats ${text}`] = files;
    return /servers: (.*?), provision/s.exec(files['src/app.module.ts'] ?? '')?.[1] ?? '';
  };
  expect(await serversOf('process.env.NATS_URL')).toBe("[process.env.NATS_URL ?? 'localhost:4222']");
  expect(await serversOf("process.env.NATS_URL ?? 'a'")).toBe("[process.env.NATS_URL ?? 'a'].flat()");
  expect(await serversOf("process.env.NATS_URL!.split(',')")).toBe("process.env.NATS_URL!.split(',')");
}, 60_000);

describe("an application on Nest's RabbitMQ transport", () => {
  const transport = `{ transport: Transport.RMQ, options: { urls: ['amqp://localhost'], queue: 'orders', queueOptions: { durable: true, arguments: { 'x-max-priority': 5 } } } }`;
  const before = {
    ...esm,
    'src/app.module.ts': MODULE(''),
    'src/main.ts': HYBRID(transport),
    'src/orders.controller.ts': HANDLER('order.created'),
  };

  it('takes over a queue with one pattern as it is', async () => {
    const after = await generate(before, migrate);
    const module = after['src/app.module.ts']?.replace(/\s+/g, ' ');
    expect(module).toContain("queueType: 'classic', queueName: () => 'orders'");
    expect(module).toContain("queueArguments: { 'x-max-priority': 5 }");
    migrated['rabbitmq'] = after;
  }, 60_000);

  it("keeps Nest's transport beside ours for a queue with several patterns, and says so", async () => {
    const second = HANDLER('order.paid').replaceAll('OrdersController', 'PaidController');
    const { files, said } = await outcomeOf({ ...before, 'src/paid.controller.ts': second }, migrate);
    expect(files['src/main.ts']).toContain('app.connectMicroservice');
    expect(files['src/main.ts']).toContain('connectTransport(app);\n  await app.startAllMicroservices();');
    expect(files['src/orders.controller.ts']).toContain("@EventPattern('order.created')");
    expect(files['src/app.module.ts']).not.toContain('queueName');
    expect(said.join('\n')).toContain('A queue with several patterns cannot be taken over');
    migrated['beside'] = files;
  }, 60_000);
});

describe('an application on golevelup', () => {
  const before: Files = {
    ...esm,
    'src/app.module.ts': `import { Module } from '@nestjs/common';
import { RabbitMQModule } from '@golevelup/nestjs-rabbitmq';
import { Stock } from './stock.js';

@Module({
  imports: [RabbitMQModule.forRoot({ uri: 'amqp://localhost', exchanges: [{ name: 'shop', type: 'topic' }] })],
  providers: [Stock],
  exports: [RabbitMQModule],
})
export class AppModule {}
`,
    'src/main.ts': `import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

const app = await NestFactory.create(AppModule);
await app.listen(3000);
`,
    'src/stock.ts': `import { Injectable } from '@nestjs/common';
import { AmqpConnection, Nack, RabbitRPC, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';

@Injectable()
export class Stock {
  constructor(private readonly amqp: AmqpConnection) {}

  @RabbitSubscribe({ exchange: 'shop', routingKey: 'order.created', queue: 'stock' })
  async reserve(order: { id: string }) {
    if (order.id === '') return new Nack();
    await this.amqp.publish('shop', 'stock.reserved', { id: order.id });
    return undefined;
  }

  @RabbitRPC({ exchange: 'shop', routingKey: 'stock', queue: 'stock-asked' })
  count(sku: string) {
    return sku.length;
  }
}
`,
  };

  it('reads its queues on its exchange, publishes through Publisher, and is connected in main.ts', async () => {
    const { files, said } = await outcomeOf(before, migrate);
    const withoutNack = files['src/stock.ts']
      ?.replace(/if .* new Nack\(\);|, Nack/g, '')
      .replace(/.*golevelup.*\n/, '');
    migrated['golevelup'] = { ...files, 'src/stock.ts': withoutNack ?? '' };
    const module = files['src/app.module.ts']?.replace(/\s+/g, ' ');
    expect(module).toContain("url: 'amqp://localhost', exchange: 'shop', queueType: 'classic'");
    expect(module).toContain("['order.created', 'stock']");
    expect(module).not.toContain('RabbitMQModule');
    const stock = files['src/stock.ts'];
    expect(stock).toContain("@Subscribe('order.created')\n  async reserve(@Payload() order: { id: string })");
    expect(stock).toContain("@Respond('stock')");
    expect(stock).toContain("await this.amqp.publish('stock.reserved', { id: order.id })");
    expect(stock).toContain('private readonly amqp: Publisher');
    expect(files['src/main.ts']).toContain('createTransportApp(AppModule)');
    expect(said).toContain(
      "  src/stock.ts:10: instead of new Nack(): throw new DeadLetter('why'), or an error to have it tried again.",
    );
  }, 60_000);
});

describe('a client', () => {
  const clients = `ClientsModule.register([{ name: 'BILLING', transport: Transport.KAFKA, options: {} }])`;
  const before = {
    ...esm,
    'src/app.module.ts': MODULE(clients, `import { ClientsModule, Transport } from '@nestjs/microservices';\n`),
    'src/main.ts': HYBRID('{ transport: Transport.KAFKA, options: {} }'),
  };
  const controllerWith = (client: string) => `import { Controller, Inject } from '@nestjs/common';
import { Client, ClientKafka, ClientProxyFactory, Transport } from '@nestjs/microservices';

@Controller()
export class OrdersController {
  ${client}
  constructor(@Inject('BILLING') private readonly billing: Billing) {}
  onModuleInit() {
    this.own.subscribeToResponseOf('price');
  }
}
`;
  const outcomeWith = (client: string) =>
    outcomeOf({ ...before, 'src/orders.controller.ts': controllerWith(client) }, migrate);

  it('that stays with Nest keeps its calls, and one of an unknown type is named', async () => {
    const { files, said } = await outcomeWith('@Client(options) private readonly own!: ClientKafka;');
    expect(files['src/orders.controller.ts']).toContain("this.own.subscribeToResponseOf('price')");
    expect(said).toContain(
      '  src/orders.controller.ts:6: inject TransportClient in the constructor instead of @Client(...).',
    );
    expect(said).toContain(
      '  src/orders.controller.ts:7: its client is no longer registered: inject TransportClient instead.',
    );
  }, 60_000);

  it('of @Client becomes TransportClient; one over TCP stays, and is not mentioned', async () => {
    const ours = await outcomeWith(
      '@Client({ transport: Transport.KAFKA, options: {} })\n  private readonly own!: ClientKafka;',
    );
    expect(ours.files['src/orders.controller.ts']).toContain(
      '@Inject(TransportClient)\n  private readonly own!: TransportClient;',
    );
    expect(ours.files['src/orders.controller.ts']).not.toContain('subscribeToResponseOf');
    const withoutBilling = ours.files['src/orders.controller.ts']?.replace(/  constructor.*\n/, '') ?? '';
    migrated['@Client'] = { ...ours.files, 'src/orders.controller.ts': withoutBilling };
    const tcp = await outcomeWith('@Client({ transport: Transport.TCP }) private readonly own!: ClientProxy;');
    expect(tcp.files['src/orders.controller.ts']).toContain('@Client({ transport: Transport.TCP })');
    expect([...ours.said, ...tcp.said].join()).not.toContain('@Client');
  }, 60_000);

  it('that the program makes itself is named', async () => {
    const { said } = await outcomeWith(
      'own = ClientProxyFactory.create({ transport: Transport.KAFKA });\n  other = new ClientKafka({});\n  tcp = ClientProxyFactory.create({ transport: Transport.TCP });',
    );
    const sentence = 'a client that the program makes was not migrated: inject TransportClient instead of it.';
    expect(said.filter((line) => line.includes('the program makes'))).toEqual([
      `  src/orders.controller.ts:6: ${sentence}`,
      `  src/orders.controller.ts:7: ${sentence}`,
    ]);
  }, 60_000);
});

describe('a name that is imported as another', () => {
  const before = {
    ...esm,
    'src/app.module.ts': MODULE(''),
    'src/main.ts': HYBRID('{ transport: T.KAFKA, options: {} }').replace('Transport }', 'Transport as T }'),
  };
  const outcomeWith = (controller: string) => outcomeOf({ ...before, 'src/orders.controller.ts': controller }, migrate);
  const ALIASED = HANDLER('order.created')
    .replace('{ EventPattern, Payload }', '{ EventPattern as On, type KafkaContext as Context, Payload }')
    .replace('@EventPattern', '@On')
    .replace('): void', ', context: Context): void')
    .replace('order.id);', "order.id, context.getTopic(), { On: 'x'.at(0) });");

  it('is read as what it is', async () => {
    const { files, said } = await outcomeWith(ALIASED);
    const controller = files['src/orders.controller.ts'] ?? '';
    expect(controller).toContain("@Subscribe('order.created')");
    expect(controller).toContain('context: MessageContext');
    expect(controller).toContain('context.topic');
    expect(controller).toContain("{ On: 'x'.at(0) }");
    expect(controller).not.toMatch(/EventPattern|KafkaContext|@On/);
    expect(files['src/main.ts']).toContain('createTransportApp(AppModule)');
    expect(said).toContain('Everything was migrated. Stop the old instances before you start the new ones.');
    migrated['aliases'] = files;
  }, 60_000);

  it.each([
    ['a class of that name', 'class EventPattern {}'],
    ['an export of the alias', 'export { On };'],
  ])(
    'is named with file and line where the file has %s, and nothing that uses it changes',
    async (_, line) => {
      const { files, said } = await outcomeWith(`${ALIASED}${line}\n`);
      expect(files['src/orders.controller.ts']).toContain("@On('order.created')");
      expect(said).toContain(
        '  src/orders.controller.ts:2: EventPattern is imported as On, and cannot have its own name here: nothing that uses it was migrated.',
      );
    },
    60_000,
  );

  it('is named where it is used through a namespace', async () => {
    const { said } = await outcomeWith(
      HANDLER('order.created')
        .replace('{ EventPattern, Payload }', '* as nest')
        .replace('@EventPattern', '@nest.EventPattern')
        .replace('@Payload', '@nest.Payload'),
    );
    expect(said).toContain(
      '  src/orders.controller.ts:2: EventPattern: what is used through "* as nest" was not migrated; import it as { EventPattern }.',
    );
  }, 60_000);
});

describe('options that only the running program knows', () => {
  const before = { ...esm, 'src/app.module.ts': MODULE(''), 'src/orders.controller.ts': HANDLER('order.created') };
  const saidOf = async (main: string, module = MODULE('')): Promise<readonly string[]> =>
    (await outcomeOf({ ...before, 'src/main.ts': main, 'src/app.module.ts': module }, migrate)).said;
  const NOT_WRITTEN =
    'these options are not written here: give addresses, group and login to TransportModule yourself.';

  it.each([
    'options: kafkaOptions',
    'options: { ...common }',
    'options: { client: kafkaClient, consumer: {} }',
    "options: config.get('kafka')",
  ])(
    'are named with file and line: %s',
    async (options) => {
      expect(await saidOf(HYBRID(`{ transport: Transport.KAFKA, ${options} }`))).toContain(
        `  src/main.ts:7: ${NOT_WRITTEN}`,
      );
    },
    60_000,
  );

  it('are named in the error, where nothing else is migrated', async () => {
    const unread = 'its transport is not written here as Transport.KAFKA, NATS or RMQ, and was not migrated.';
    await expect(saidOf(HYBRID('kafkaConfig'))).rejects.toThrow(`src/main.ts:7: ${unread}`);
    const behindFactory = HYBRID('').replace(
      /NestFactory\.create\(AppModule\)/,
      'NestFactory.createMicroservice(AppModule, { useFactory: () => ({}), inject: [] })',
    );
    await expect(saidOf(behindFactory)).rejects.toThrow(`src/main.ts:6: ${unread}`);
  }, 60_000);

  it('are named for each client of ClientsModule', async () => {
    const register = `ClientsModule.registerAsync([
    { name: 'A', useFactory: () => kafkaOptions },
    ordersClient,
    { name: 'TCP', transport: Transport.TCP },
  ])`;
    const module = MODULE(register, `import { ClientsModule, Transport } from '@nestjs/microservices';\n`);
    const said = await saidOf(HYBRID('{ transport: Transport.KAFKA, options: {} }'), module);
    const sentence = 'the transport of this client is not written here: inject TransportClient instead of it.';
    expect(said.filter((line) => line.includes('this client'))).toEqual([
      `  src/app.module.ts:7: ${sentence}`,
      `  src/app.module.ts:8: ${sentence}`,
    ]);
  }, 60_000);

  const golevelup = (given: string): Files => ({
    ...esm,
    'src/app.module.ts': `import { Module } from '@nestjs/common';
import { RabbitMQModule } from '@golevelup/nestjs-rabbitmq';
@Module({ imports: [RabbitMQModule.forRootAsync(${given})] })
export class AppModule {}
`,
    'src/main.ts': "import { NestFactory } from '@nestjs/core';\nconst app = await NestFactory.create(AppModule);\n",
  });

  it("of golevelup are those that its factory returns, or are named where it returns somebody else's", async () => {
    const literal = `{ useFactory: (config: Config) => ({ uri: config.get('uri'), exchanges: [{ name: 'shop', type: 'topic' }] }) }`;
    const { files, said } = await outcomeOf(golevelup(literal), migrate);
    expect(files['src/app.module.ts']).toContain("exchange: 'shop'");
    expect(said.join()).toContain("url was config.get('uri'): write it into the broker's options.");
    for (const given of ['{ useFactory: () => options }', '{ useClass: Options }']) {
      const { said: other } = await outcomeOf(golevelup(given), migrate);
      expect(other.join()).toContain(`src/app.module.ts:3: ${NOT_WRITTEN}`);
    }
  }, 60_000);
});

it("a handler and a publish of golevelup on another exchange are not moved to the application's, but named", async () => {
  const before = {
    ...esm,
    'src/app.module.ts': `import { Module } from '@nestjs/common';
import { RabbitMQModule } from '@golevelup/nestjs-rabbitmq';
@Module({ imports: [RabbitMQModule.forRoot({ uri: 'amqp://localhost', exchanges: [{ name: 'shop' }] })] })
export class AppModule {}
`,
    'src/main.ts': "import { NestFactory } from '@nestjs/core';\nconst app = await NestFactory.create(AppModule);\n",
    'src/audit.ts': `import { AmqpConnection, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
export class Audit {
  constructor(private readonly amqp: AmqpConnection) {}
  @RabbitSubscribe({ exchange: 'audit', routingKey: 'seen', queue: 'audit' })
  seen(event: object) {
    return this.amqp.publish('audit', 'noted', event);
  }
}
`,
  };
  const { files, said } = await outcomeOf(before, migrate);
  expect(files['src/audit.ts']).toContain("this.amqp.publish('audit', 'noted', event)");
  expect(files['src/audit.ts']).toContain('@RabbitSubscribe({');
  expect(files['src/app.module.ts']).not.toContain('queueName');
  expect(said.filter((line) => line.includes('its exchange is not that of the application'))).toHaveLength(2);
}, 60_000);

it('what main.ts alone knows is not carried into the module: the line says what to write', async () => {
  const main = HYBRID(`{ transport: Transport.KAFKA, options: { client: { brokers: addresses } } }`).replace(
    'async function',
    "const addresses = ['localhost:9092'];\n\nasync function",
  );
  const before = {
    ...esm,
    'src/main.ts': main,
    'src/app.module.ts': MODULE(''),
    'src/orders.controller.ts': HANDLER('order.created'),
  };
  const { files, said } = await outcomeOf(before, migrate);
  expect(files['src/app.module.ts']).toContain('process.env.KAFKA_BROKERS');
  expect(said).toContain("  brokers was addresses: write it into the broker's options.");
}, 60_000);

it('two brokers in one application are refused, and nothing is written', async () => {
  const main = HYBRID(`{ transport: Transport.KAFKA, options: {} }`).replace(
    '  await app.start',
    '  app.connectMicroservice({ transport: Transport.NATS, options: {} });\n  await app.start',
  );
  await expect(generate({ ...esm, 'src/main.ts': main }, migrate)).rejects.toThrow(
    'src uses kafka and nats; nothing was written',
  );
});

it('what was migrated compiles', () => {
  const inFolders = Object.entries(migrated).flatMap(([name, files]) =>
    Object.entries(files).map(([path, text]) => [`${name}/${path}`, text] as const),
  );
  expect(Object.keys(migrated)).toEqual(
    expect.arrayContaining([
      'aliases',
      'beside',
      'golevelup',
      'kafka',
      'nats',
      'nats process.env.NATS_URL',
      'rabbitmq',
    ]),
  );
  expect(complaintsAbout(Object.fromEntries(inFolders))).toEqual([]);
}, 120_000);
