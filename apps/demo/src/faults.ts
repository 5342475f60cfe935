import { PostgresStockRepository, StockRepository } from '../../inventory-service/src/index.js';
import type { DynamicModule } from '@nestjs/common';
import type { OrderPlan } from './order-plan.js';

type ReserveOnce = StockRepository['reserveOnce'];

/** How often handling an order with this sku fails before it works. */
export type FaultPlan = ReadonlyMap<string, number>;

export const faultsOf = ({ poisonSku, flakySku }: OrderPlan): FaultPlan =>
  new Map([
    [poisonSku, Number.POSITIVE_INFINITY],
    [flakySku, 2],
  ]);

/**
 * The inventory's data layer with shelves that get stuck: the provider of biz's port is replaced, as Nest lets anybody do,
 * so the service itself knows nothing of the demo.
 */
export function withFaults(data: DynamicModule, faults: FaultPlan): DynamicModule {
  const faulty = {
    provide: StockRepository,
    inject: [PostgresStockRepository],
    useFactory: (real: PostgresStockRepository) => new StuckShelves(real, faults),
  };
  // The later provider of a token wins.
  return { ...data, providers: [...(data.providers ?? []), faulty] };
}

class StuckShelves extends StockRepository {
  readonly #failed = new Map<string, number>();

  constructor(
    private readonly real: StockRepository,
    private readonly faults: FaultPlan,
  ) {
    super();
  }

  find(sku: string): ReturnType<StockRepository['find']> {
    return this.real.find(sku);
  }

  async reserveOnce(...[request, decide]: Parameters<ReserveOnce>): ReturnType<ReserveOnce> {
    for (const { sku } of request.items) this.#failWhileStuck(sku);
    return this.real.reserveOnce(request, decide);
  }

  #failWhileStuck(sku: string): void {
    const failed = this.#failed.get(sku) ?? 0;
    if (failed >= (this.faults.get(sku) ?? 0)) return;
    this.#failed.set(sku, failed + 1);
    throw new Error(`the shelf of "${sku}" is stuck (demo fault, failure ${failed + 1})`);
  }
}
