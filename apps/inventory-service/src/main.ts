import {
  DatabaseModule,
  describeFlags,
  openBroker,
  readServiceOptions,
  runCommand,
  SERVICE_FLAGS,
} from '@demo/platform';
import { Logger } from '@nestjs/common';
import { createTransportApp } from 'nest-transport';
import { DataModule } from './data/data.module.js';
import { InventoryServiceModule } from './server/inventory-service.module.js';
import { SAMPLE_STOCK } from './server/sample-stock.js';
const DEFAULT_PORT = 3002;

await runCommand(async () => {
  const options = readServiceOptions('inventory-service', DEFAULT_PORT, process.argv.slice(2), process.env);
  if (options.help) {
    process.stdout.write(describeFlags('nest start inventory-service --', SERVICE_FLAGS));
    return;
  }
  const broker = await openBroker(options);
  const data = DataModule.on(DatabaseModule.open(options.databaseUrl), SAMPLE_STOCK);
  const app = await createTransportApp(InventoryServiceModule.forRoot({ broker, data }));
  await app.listen(options.port);
  new Logger('inventory-service').log(`listens at ${await app.getUrl()}`);
});
