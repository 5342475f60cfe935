import { OrderCreated, type OrderCreatedData } from '@demo/contracts';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Subscribe } from 'nest-transport';
import { ReservationUseCase } from '../biz/reservation-use-case.js';

/** Hears of orders. */
@Controller()
export class OrdersController {
  constructor(private readonly reservations: ReservationUseCase) {}

  @Subscribe(OrderCreated, { concurrency: 32, retry: { maxAttempts: 5 } })
  async reserve(@Payload() { orderId, items }: OrderCreatedData): Promise<void> {
    await this.reservations.reserve({ orderId, items });
  }
}
