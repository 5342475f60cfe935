import { DatabaseModule, type Database } from '@demo/platform';
import type { DynamicModule, INestApplication, LoggerService } from '@nestjs/common';
import { createTransportApp, Notices, type Broker } from 'nest-transport';
import { InventoryDataModule, InventoryServiceModule } from '../../inventory-service/src/index.js';
import { OrderDataModule, OrderServiceModule } from '../../order-service/src/index.js';
import { HttpClient } from './http-client.js';
import { StderrLogger } from './stderr-logger.js';

export interface ShopOptions {
  readonly broker: Broker;
  readonly database: Database;
  readonly initialStock: Readonly<Record<string, number>>;
  /** Goes before the names of the services, and so of their groups. */
  readonly prefix: string;
  /** Changes the inventory's data layer before it is put in: faults, for example. */
  readonly alterInventory: (data: DynamicModule) => DynamicModule;
  /** @default warnings and errors, to stderr */
  readonly logger?: LoggerService | false;
}

/** One service that runs inside this process. */
export interface RunningService {
  readonly http: HttpClient;
  readonly notices: Notices;
}

/** Both services, two applications with a port each, as if they ran on two machines. */
export class Shop {
  private constructor(
    readonly orders: RunningService,
    readonly inventory: RunningService,
    private readonly apps: readonly INestApplication[],
  ) {}

  static async open(options: ShopOptions): Promise<Shop> {
    const { broker, database, initialStock, prefix, alterInventory, logger = new StderrLogger() } = options;
    const shared = DatabaseModule.share(database);
    const stock = alterInventory(InventoryDataModule.on(shared, initialStock));
    const modules = [
      OrderServiceModule.forRoot({ broker, data: OrderDataModule.on(shared), name: `${prefix}order-service` }),
      InventoryServiceModule.forRoot({ broker, data: stock, name: `${prefix}inventory-service` }),
    ];
    const apps: INestApplication[] = [];
    try {
      for (const module of modules) apps.push(await start(module, logger));
    } catch (error) {
      await closeAll(apps);
      throw error;
    }
    const [orders, inventory] = (await Promise.all(apps.map(describe))) as [RunningService, RunningService];
    return new Shop(orders, inventory, apps);
  }

  /** Drains both services and closes them. */
  close(): Promise<void> {
    return closeAll(this.apps);
  }
}

async function start(module: DynamicModule, logger: LoggerService | false): Promise<INestApplication> {
  // exitOnSignal: false, because two applications and perhaps a Kafka share this process: the demo ends them in its own order.
  const app = await createTransportApp(module, {
    logger,
    abortOnError: false,
    exitOnSignal: false,
  });
  await app.listen(0, '127.0.0.1');
  return app;
}

async function describe(app: INestApplication): Promise<RunningService> {
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  return { http: new HttpClient(url), notices: app.get(Notices) };
}

async function closeAll(apps: readonly INestApplication[]): Promise<void> {
  await Promise.all(apps.map((app) => app.close()));
}
