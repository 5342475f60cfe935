export { OrderCreated, orderCreatedSchema, type OrderCreatedData } from './order-created.js';
export {
  StockRejected,
  stockRejectedSchema,
  StockReserved,
  stockReservedSchema,
  type StockRejectedData,
  type StockReservedData,
} from './stock-outcome.js';
