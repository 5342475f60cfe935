import { HealthController } from '@demo/platform';
import { Module, type DynamicModule } from '@nestjs/common';
import { TransportModule, type Broker } from 'nest-transport';
import { ServiceModule } from '../service/service.module.js';

export interface InventoryServiceOptions {
  readonly broker: Broker;
  /** The data layer, a `DataModule`: whoever puts the service together may replace its providers. */
  readonly data: DynamicModule;
  /** The name of the service, and so of its group. @default 'inventory-service' */
  readonly name?: string;
}

/** The whole service, listening on HTTP and on the broker. */
@Module({})
export class InventoryServiceModule {
  static forRoot({ broker, data, name = 'inventory-service' }: InventoryServiceOptions): DynamicModule {
    return {
      module: InventoryServiceModule,
      imports: [TransportModule.forRoot({ service: name, broker }), ServiceModule.on(data), data],
      controllers: [HealthController],
    };
  }
}
