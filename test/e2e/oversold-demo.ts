// The demo with a planted fault: shelves that hand out goods without counting them. It must notice.
import type { DynamicModule } from '@nestjs/common';
import { runCommand } from '@demo/platform';
import { demo } from '../../apps/demo/src/index.js';
import { PostgresStockRepository } from '../../apps/inventory-service/src/index.js';

type ReserveOnce = PostgresStockRepository['reserveOnce'];

class CarelessShelves extends PostgresStockRepository {
  override async reserveOnce(...[request, decide]: Parameters<ReserveOnce>): ReturnType<ReserveOnce> {
    const isChair = request.items.some(({ sku }) => sku.startsWith('chair'));
    return isChair ? { ...request, outcome: 'reserved' } : super.reserveOnce(request, decide);
  }
}

const careless = (data: DynamicModule): DynamicModule => ({
  ...data,
  providers: [...(data.providers ?? []), { provide: PostgresStockRepository, useClass: CarelessShelves }],
});

await runCommand(() => demo(process.argv.slice(2), process.env, { alterInventory: careless }));
