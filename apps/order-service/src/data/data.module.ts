import { Module, type DynamicModule } from '@nestjs/common';
import { OrderAnnouncer, OrderRepository } from '../biz/ports.js';
import { PostgresOrderRepository } from './postgres-order-repository.js';
import { TransportOrderAnnouncer } from './transport-order-announcer.js';

/** Keeps the promises that biz asks for, with Postgres and the broker. */
@Module({})
export class DataModule {
  /** @param database a `DatabaseModule` */
  static on(database: DynamicModule): DynamicModule {
    return {
      module: DataModule,
      imports: [database],
      providers: [
        PostgresOrderRepository,
        TransportOrderAnnouncer,
        { provide: OrderRepository, useExisting: PostgresOrderRepository },
        { provide: OrderAnnouncer, useExisting: TransportOrderAnnouncer },
      ],
      exports: [OrderRepository, OrderAnnouncer, database],
    };
  }
}
