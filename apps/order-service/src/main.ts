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
import { OrderServiceModule } from './server/order-service.module.js';

const DEFAULT_PORT = 3001;

await runCommand(async () => {
  const options = readServiceOptions('order-service', DEFAULT_PORT, process.argv.slice(2), process.env);
  if (options.help) {
    process.stdout.write(describeFlags('nest start order-service --', SERVICE_FLAGS));
    return;
  }
  const broker = await openBroker(options);
  const data = DataModule.on(DatabaseModule.open(options.databaseUrl));
  const app = await createTransportApp(OrderServiceModule.forRoot({ broker, data }));
  await app.listen(options.port);
  new Logger('order-service').log(`listens at ${await app.getUrl()}`);
});
