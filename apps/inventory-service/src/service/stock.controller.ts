import { Controller, Get, NotFoundException, Param } from '@nestjs/common';
import { ReservationUseCase } from '../biz/reservation-use-case.js';
import type { StockItem } from '../biz/reservation.js';

@Controller('stock')
export class StockController {
  constructor(private readonly reservations: ReservationUseCase) {}

  @Get(':sku')
  async find(@Param('sku') sku: string): Promise<StockItem> {
    const item = await this.reservations.find(sku);
    if (item === undefined) throw new NotFoundException(`"${sku}" is not sold here.`);
    return item;
  }
}
