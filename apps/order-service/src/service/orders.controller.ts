import { SchemaPipe } from '@demo/platform';
import {
  Body,
  Controller,
  Get,
  HttpStatus,
  NotFoundException,
  Param,
  Post,
  Res,
  ServiceUnavailableException,
} from '@nestjs/common';
import { z } from 'zod';
import type { Order, OrderRequest } from '../biz/order.js';
import { OrderUseCase } from '../biz/order-use-case.js';

const orderRequestSchema = z.strictObject({
  userId: z.string().min(1),
  items: z
    .array(
      z.strictObject({
        sku: z.string().min(1),
        quantity: z.int().positive().max(1_000_000),
        unitPriceCents: z.int().nonnegative().max(100_000_000),
      }),
    )
    .min(1)
    .max(100),
}) satisfies z.ZodType<OrderRequest>;

/** As much of an HTTP answer as is needed here; whichever library Nest runs on has it. */
interface Answer {
  status(code: number): unknown;
}

@Controller('orders')
export class OrdersController {
  constructor(private readonly orders: OrderUseCase) {}

  /** 201 when the order is on its way, 202 when that is not certain, 503 when it certainly is not. */
  @Post()
  async place(
    @Body(new SchemaPipe(orderRequestSchema)) request: OrderRequest,
    @Res({ passthrough: true }) answer: Answer,
  ): Promise<Order> {
    const order = await this.orders.place(request);
    if (order.state === 'failed') {
      throw new ServiceUnavailableException({ ...order, message: 'The order was not placed. Place it again later.' });
    }
    // Still `new`: it may be on the broker or not. Placing it again could create it twice; GET /orders/:id shows its state.
    if (order.state === 'new') answer.status(HttpStatus.ACCEPTED);
    return order;
  }

  @Get(':id')
  async find(@Param('id') orderId: string): Promise<Order> {
    const order = await this.orders.find(orderId);
    if (order === undefined) throw new NotFoundException(`There is no order "${orderId}".`);
    return order;
  }
}
