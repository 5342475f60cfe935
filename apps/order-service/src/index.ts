// What other programs of this workspace may use of the service, when they run it inside their own process.
export { DataModule as OrderDataModule } from './data/data.module.js';
export { OrderServiceModule, type OrderServiceOptions } from './server/order-service.module.js';
