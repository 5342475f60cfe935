import { Module, type DynamicModule } from '@nestjs/common';
import { OutcomeAnnouncer, StockRepository } from '../biz/ports.js';
import { ReservationUseCase } from '../biz/reservation-use-case.js';
import { OrdersController } from './orders.controller.js';
import { StockController } from './stock.controller.js';

/** What the service offers, by HTTP and by subscription. */
@Module({})
export class ServiceModule {
  static on(data: DynamicModule): DynamicModule {
    return {
      module: ServiceModule,
      imports: [data],
      controllers: [StockController, OrdersController],
      providers: [
        {
          // A factory, so that biz needs no decorator and knows no Nest.
          provide: ReservationUseCase,
          inject: [StockRepository, OutcomeAnnouncer],
          useFactory: (stock: StockRepository, announcer: OutcomeAnnouncer) => new ReservationUseCase(stock, announcer),
        },
      ],
    };
  }
}
