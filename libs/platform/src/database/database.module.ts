import { Inject, Logger, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { DATABASE, type Database } from './database.js';
import { openInProcess } from './pglite-database.js';
import { openServer } from './postgres-database.js';

/** The service's Postgres, as `DATABASE`. */
@Module({})
export class DatabaseModule {
  /** Opened at start and closed with the application: the server `url` names, else one inside this process. */
  static open(url: string | undefined): DynamicModule {
    return {
      module: DatabaseModule,
      providers: [{ provide: DATABASE, useFactory: () => openDatabase(url) }, DatabaseCloser],
      exports: [DATABASE],
    };
  }

  /** A database that several applications use and somebody else closes. */
  static share(database: Database): DynamicModule {
    return { module: DatabaseModule, providers: [{ provide: DATABASE, useValue: database }], exports: [DATABASE] };
  }
}

/** The server `url` names, else an in-process Postgres whose content ends with the process. */
export function openDatabase(url: string | undefined): Promise<Database> {
  if (url === undefined) return openInProcess();
  const logger = new Logger('Database');
  return openServer(url, (error) => logger.warn(`an idle connection broke: ${error.message}`));
}

class DatabaseCloser implements OnApplicationShutdown {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  onApplicationShutdown(): Promise<void> {
    return this.database.close();
  }
}
