import { Module, type DynamicModule } from '@nestjs/common';
import { OrderUseCase } from '../biz/order-use-case.js';
import { OrderAnnouncer, OrderRepository } from '../biz/ports.js';
import { OrdersController } from './orders.controller.js';
import { StockOutcomesController } from './stock-outcomes.controller.js';

/** What the service offers, by HTTP and by subscription. */
@Module({})
export class ServiceModule {
  static on(data: DynamicModule): DynamicModule {
    return {
      module: ServiceModule,
      imports: [data],
      controllers: [OrdersController, StockOutcomesController],
      providers: [
        {
          // A factory, so that biz needs no decorator and knows no Nest.
          provide: OrderUseCase,
          inject: [OrderRepository, OrderAnnouncer],
          useFactory: (orders: OrderRepository, announcer: OrderAnnouncer) => new OrderUseCase(orders, announcer),
        },
      ],
    };
  }
}
