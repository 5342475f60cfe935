// What other programs of this workspace may use of the service, when they run it inside their own process.
export { StockRepository } from './biz/ports.js';
export { DataModule as InventoryDataModule } from './data/data.module.js';
export { SCHEMA as INVENTORY_SCHEMA } from './data/migrations.js';
export { PostgresStockRepository } from './data/postgres-stock-repository.js';
export { InventoryServiceModule, type InventoryServiceOptions } from './server/inventory-service.module.js';
