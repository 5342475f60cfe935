export { BROKER_RECIPES, isServerBroker, SERVER_BROKERS, type BrokerRecipe, type ServerBrokerName } from './brokers.js';
export { describeFlags, readFlags, USAGE_EXIT_CODE, UsageError, type Flag, type FlagValues } from './command-line.js';
export { DATABASE, type Database, type SqlSession } from './database/database.js';
export { DatabaseModule, openDatabase } from './database/database.module.js';
export { HealthController, type ServiceHealth } from './health.controller.js';
export { migrate, type Migration } from './database/migrate.js';
export { runCommand } from './run-command.js';
export { SchemaPipe } from './schema.pipe.js';
export {
  openBroker,
  readBrokers,
  readPort,
  readServiceOptions,
  SERVICE_FLAGS,
  type ServiceOptions,
} from './service-options.js';
