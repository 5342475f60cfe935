import { uniqueName } from '../../tools/brokers/names.mjs';
import { UsersFolder } from './users-folder.js';
import { liveAndDrain } from './users-guarantees.js';
import { usersService } from './users-service.js';

let folder: UsersFolder;
beforeAll(async () => {
  folder = await UsersFolder.installed({
    packages: [
      '@nestjs/common@^11',
      '@nestjs/core@^11',
      '@nestjs/microservices@^11',
      'reflect-metadata',
      'rxjs',
      'kafkajs@^2.2.4',
    ],
  });
}, 300_000);
afterAll(() => folder.remove());

test('a CommonJS project on Nest 11, installed from the tarball, receives from Kafka and drains on SIGTERM', async () => {
  const topic = uniqueName('smoke');
  const brokers = JSON.stringify((process.env['KAFKA_BROKERS'] ?? '').split(','));
  const broker = {
    import: "import { kafka } from 'nest-transport/kafka';",
    value: `kafka({ brokers: ${brokers}, provision: {} })`,
    http: false,
  };
  await liveAndDrain(folder, folder.compile('service', usersService(broker, topic)), topic);
}, 60_000);
