import { StockRejected, StockReserved, type StockRejectedData, type StockReservedData } from '@demo/contracts';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { DeadLetter, Subscribe } from 'nest-transport';
import { OrderUseCase, type StockOutcome } from '../biz/order-use-case.js';

/** Hears what the inventory decided. */
@Controller()
export class StockOutcomesController {
  constructor(private readonly orders: OrderUseCase) {}

  @Subscribe(StockReserved, { concurrency: 32 })
  reserved(@Payload() { orderId }: StockReservedData): Promise<void> {
    return this.#apply({ orderId, kind: 'reserved' });
  }

  @Subscribe(StockRejected, { concurrency: 32 })
  rejected(@Payload() { orderId, reason }: StockRejectedData): Promise<void> {
    return this.#apply({ orderId, kind: 'rejected', reason });
  }

  async #apply(outcome: StockOutcome): Promise<void> {
    const result = await this.orders.applyOutcome(outcome);
    if (result === 'applied') return;
    // A retry fixes neither. Both mean that stock and orders disagree, which a person has to check.
    throw new DeadLetter(
      result === 'unknown-order'
        ? `order "${outcome.orderId}" is ${outcome.kind}, but this service has no such order`
        : `order "${outcome.orderId}" is ${outcome.kind}, but it had already ended in another state`,
    );
  }
}
