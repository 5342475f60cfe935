import { Module, type DynamicModule } from '@nestjs/common';
import { OutcomeAnnouncer, StockRepository } from '../biz/ports.js';
import { INITIAL_STOCK, PostgresStockRepository, type InitialStock } from './postgres-stock-repository.js';
import { TransportOutcomeAnnouncer } from './transport-outcome-announcer.js';

/** Keeps the promises that biz asks for, with Postgres and the broker. */
@Module({})
export class DataModule {
  /** @param database a `DatabaseModule` */
  static on(database: DynamicModule, initialStock: InitialStock): DynamicModule {
    return {
      module: DataModule,
      imports: [database],
      providers: [
        { provide: INITIAL_STOCK, useValue: initialStock },
        PostgresStockRepository,
        TransportOutcomeAnnouncer,
        { provide: StockRepository, useExisting: PostgresStockRepository },
        { provide: OutcomeAnnouncer, useExisting: TransportOutcomeAnnouncer },
      ],
      exports: [StockRepository, OutcomeAnnouncer, database],
    };
  }
}
